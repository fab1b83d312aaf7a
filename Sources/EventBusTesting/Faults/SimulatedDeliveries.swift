// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// An open subscription of a simulated process, with faults.
final class SimulatedDeliveries: Deliveries {
    private struct State: Sendable {
        /// Deliveries that arrive later than the others of their batch.
        var late: [Delivery] = []
        /// What has been handed out and not been settled or given back.
        var held: [Delivery.ID: Message] = [:]
        var isStopped = false
    }

    private let base: InMemoryDeliveries
    private let subscription: Subscription
    private let process: SimulatedProcess
    private let state = Mutex(State())

    init(base: InMemoryDeliveries, subscription: Subscription, process: SimulatedProcess) {
        self.base = base
        self.subscription = subscription
        self.process = process
    }

    private var name: SubscriptionName { self.subscription.name }

    func next() async throws -> [Delivery]? {
        let fault = try await self.process.enter(.next)
        if fault == .cut { self.base.cut() }
        var deliveries = self.takeLate()
        if deliveries.isEmpty {
            guard let next = try await self.base.next() else { return nil }
            deliveries = next
        }
        try self.process.leave(.next, fault)
        if fault == .reorder, self.subscription.ordering == .none {
            for index in deliveries.indices { deliveries.swapAt(index, self.process.below(deliveries.count)) }
        }
        if fault == .split, deliveries.count > 1 {
            let first = 1 + self.process.below(deliveries.count - 1)
            let rest = Array(deliveries[first...])
            self.state.withLock { $0.late = rest }
            deliveries.removeLast(rest.count)
        }
        self.handOut(deliveries)
        return deliveries
    }

    private func takeLate() -> [Delivery] {
        self.state.withLock { state in
            defer { state.late = [] }
            return state.late
        }
    }

    private func handOut(_ deliveries: [Delivery]) {
        self.state.withLock { state in
            for delivery in deliveries { state.held[delivery.id] = delivery.message }
        }
        self.process.moved(self.name)
        for delivery in deliveries {
            let what = History.What.delivered(
                self.name,
                delivery.message.identity,
                failures: delivery.failures.count,
                returns: delivery.returns,
                redrives: delivery.redrives
            )
            self.process.record(what)
        }
    }

    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) {
        // Verdicts that move a message are rare and have more ways to fail, so they get more chances to.
        var fault = self.process.drawNow(.settle)
        for _ in 0..<8 where fault == nil && verdict != .done { fault = self.process.drawNow(.settle) }
        self.state.withLock { _ = $0.held.removeValue(forKey: delivery) }
        self.process.moved(self.name)
        switch fault {
        case .deathBefore:
            return
        case .lostVerdict:
            self.base.cut()
            return
        case .copyOnly:
            self.record(delivery, verdict)
            if let message = self.base.outstanding(delivery) {
                self.process.record(.copied(self.name, message.identity))
            }
            self.base.copy(delivery, verdict)
            self.base.cut()
            return
        default:
            self.record(delivery, verdict)
            self.base.settle(delivery, verdict)
            if fault == .duplicate { self.base.settle(delivery, verdict) }
            if fault == .deathAfter { self.process.die("after settle") }
        }
    }

    private func record(_ delivery: Delivery.ID, _ verdict: Verdict) {
        guard let message = self.base.outstanding(delivery) else { return }
        self.process.record(.settled(self.name, message.identity, verdict))
    }

    func stop() {
        guard !self.process.isDead else { return }
        self.state.withLock { $0.isStopped = true }
        self.process.record(.stopped(self.name))
        self.base.giveBack(self.takeLate().map(\.id))
        self.base.stop()
    }

    func giveBack(_ deliveries: [Delivery.ID]) {
        guard !self.process.isDead else { return }
        let messages = self.state.withLock { state in
            deliveries.compactMap { state.held.removeValue(forKey: $0) }
        }
        for event in messages.map(\.identity) {
            // Somebody else makes an undone start again.
            if self.process.takeDoubt(about: event, by: self.name) == .undone {
                self.process.record(.unfinished(self.name, event))
            }
            self.process.record(.givenBack(self.name, event))
        }
        self.base.giveBack(deliveries)
    }

    func flush() async throws {
        let fault = try await self.process.enter(.flush)
        if fault == .cut { self.base.cut() }
        try await self.base.flush()
        try self.process.leave(.flush, fault)
    }

    // MARK: Rules

    private var held: [(id: Delivery.ID, message: Message)] {
        self.state.withLock { $0.held }.sorted { $0.key.tag < $1.key.tag }.map { ($0.key, $0.value) }
    }

    /// What is out and unsettled.
    var work: Stalls.Work {
        Stalls.Work(
            executor: self.process.executor,
            isDead: { [process] in process.isDead },
            name: nil,
            isThere: { self.state.withLock { !$0.held.isEmpty } },
            hasProblem: { [name, process] in await process.reports.hasProblem(of: name) },
            violation: {
                let text =
                    "is one of \(self.held.count) that \(self.process.place) has held for \(self.process.world.stalls.limit)"
                    + " without starting or settling any, and its health showed no problem"
                return Violation("stalled", self.name, self.held.first?.message.identity, text)
            }
        )
    }

    /// At the end of a graceful shutdown, what was never started has to have been given back, so that no return is counted.
    func checkShutdown() {
        guard self.subscription.ordering == .none, self.state.withLock({ $0.isStopped }) else { return }
        // After a failed call it is unknown which message it was about.
        guard !self.process.isDead, !self.process.hasFailedCalls else { return }
        for (id, message) in self.held
        where !self.process.hasStarted(message.identity, by: self.name) && self.base.outstanding(id) != nil {
            let text = "was never started by \(self.process.place), whose shutdown counts as a return"
            self.process.record(.broken(Violation("shutdown", self.name, message.identity, text)))
        }
    }
}
