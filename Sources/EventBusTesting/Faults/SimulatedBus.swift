// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The bus of a simulated process, with faults.
struct SimulatedBus: EventBus {
    let process: SimulatedProcess

    private var world: SimulatedWorld { self.process.world }
    private var base: InMemoryEventBus { self.world.bus }

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        guard !messages.isEmpty else { return [] }
        do throws(ProcessDied) {
            let fault = try await self.process.enter(.publish)
            if fault == .unavailable || self.world.outages.busIsAway {
                return messages.map { _ in .notSent(BusError(.unavailable, "the bus is away")) }
            }
            let outcomes = await self.carryOut(messages, fault)
            await self.process.letOthersRun()
            try self.process.leave(.publish, fault)
            return outcomes
        } catch {
            return messages.map { _ in .notSent(BusError(.closed, "the process has died")) }
        }
    }

    private func carryOut(_ messages: [Message], _ fault: Fault?) async -> [PublishOutcome] {
        switch fault {
        case .lostCall:
            // Messages are stored in order, so the last ones are lost.
            let kept = self.process.below(messages.count + 1)
            _ = await self.send(Array(messages.prefix(kept)))
            return messages.map { _ in .unknown }
        case .lostAnswer:
            _ = await self.send(messages)
            return messages.map { _ in .unknown }
        case .refusal:
            let refused = self.process.below(messages.count)
            var others = messages
            let message = others.remove(at: refused)
            var outcomes = await self.send(others)
            outcomes.insert(.refused(reason: "refused by the simulation"), at: refused)
            // Some of several subscriptions may have stored it all the same.
            if self.process.below(2) == 0 { _ = await self.send([message]) }
            return outcomes
        case .duplicate:
            _ = await self.send(messages)
            return await self.send(messages)
        default:
            return await self.send(messages)
        }
    }

    private func send(_ messages: [Message]) async -> [PublishOutcome] {
        guard !messages.isEmpty else { return [] }
        for message in messages {
            self.process.record(.published(message.identity, message.topic))
        }
        return await self.base.publish(messages)
    }

    func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        guard subscription.shards == 1 else {
            let open: ShardedScope.Open = { try await self.withDeliveries(to: $0, $1) }
            return try await self.base.withShards(of: subscription, open: open, body)
        }
        let fault = try await self.reach(.open)
        try await self.base.withDeliveries(to: subscription) { deliveries in
            guard let base = deliveries as? InMemoryDeliveries else {
                throw BusError(.closed, "a simulation needs the in-process bus")
            }
            try self.process.leave(.open, fault)
            let connection = self.world.outages.connected { base.cut() }
            defer { self.world.outages.disconnected(connection) }
            let session = self.process.connections.open { base.cut() }
            defer { self.process.connections.close(session) }
            let simulated = SimulatedDeliveries(base: base, subscription: subscription, process: self.process)
            let stalls = self.world.stalls
            let work = stalls.began(simulated.work)
            self.process.holds(work, of: subscription.name)
            defer { stalls.ended(work) }
            try await body(simulated)
            simulated.checkShutdown()
        }
    }

    private func reach(_ call: FaultCall) async throws -> Fault? {
        let fault = try await self.process.enter(call)
        if fault == .unavailable || self.world.outages.busIsAway {
            throw BusError(.unavailable, "the bus is away")
        }
        return fault
    }

    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        let fault = try await self.reach(.open)
        let letters = try await self.base.deadLetters(of: subscription, limit: limit)
        try self.process.leave(.open, fault)
        return letters
    }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        let fault = try await self.reach(.redrive)
        if fault == .copyOnly { try self.base.copyDeadLetters(of: subscription, limit: limit) }
        let count =
            fault == .copyOnly ? 0 : try await self.base.redrive(subscription, limit: limit, where: isWanted)
        await self.process.letOthersRun()
        try self.process.leave(.redrive, fault)
        guard fault != .copyOnly, fault != .lostAnswer else {
            throw BusError(.connectionLost, "the connection was lost in the simulation")
        }
        return count
    }

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        try await self.change { try await $0.settleDeadLetters(of: subscription, limit: limit, batch: batch, decide) }
    }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        try await self.change { try await $0.unbind(patterns, from: subscription) }
    }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        try await self.change { try await $0.move(subscription, to: other) }
    }

    func remove(_ subscription: SubscriptionName) async throws {
        try await self.change { try await $0.remove(subscription) }
    }

    /// Changes a subscription, perhaps without an answer.
    private func change<Result>(_ body: (InMemoryEventBus) async throws -> Result) async throws -> Result {
        let fault = try await self.reach(.redrive)
        if fault == .copyOnly { throw BusError(.connectionLost, "the connection was lost in the simulation") }
        let result = try await body(self.base)
        await self.process.letOthersRun()
        try self.process.leave(.redrive, fault)
        if fault == .lostAnswer { throw BusError(.connectionLost, "the connection was lost in the simulation") }
        return result
    }
}
