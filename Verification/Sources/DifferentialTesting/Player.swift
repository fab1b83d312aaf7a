// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
@_spi(Verification) import EventBusTesting

/// Performs actions on one bus and returns what is observed.
final class Player {
    /// A consumer that is open.
    struct Seat {
        let scope: OpenScope
        let deliveries: any Deliveries
        var held: [Delivery] = []
        var settled: [Delivery.ID] = []
    }

    /// A consumer that has ended.
    struct Past {
        let slot: Int
        let deliveries: any Deliveries
        let ids: [Delivery.ID]
    }

    /// A message that waits for its retry.
    struct Delayed {
        let slot: Int
        let label: String
        let since: Duration
        let delay: Duration

        var due: Duration { self.since + self.delay }
    }

    let harness: any DifferentialHarness
    let word: String
    let collector: DeliveryCollector
    /// The time that has passed since this player was created.
    let now: () -> Duration
    var seats: [Int: Seat] = [:]
    var past: [Past] = []
    private(set) var posts: [String: PlannedMessage] = [:]
    var delayed: [Delayed] = []

    init(_ harness: any DifferentialHarness, word: String, waiting: Waiting) {
        self.harness = harness
        self.word = word
        self.collector = DeliveryCollector(waiting: waiting)
        let clock = harness.clock
        self.now = Self.stopwatch(clock)
    }

    private static func stopwatch<C: Clock<Duration>>(_ clock: C) -> () -> Duration {
        let start = clock.now
        return { start.duration(to: clock.now) }
    }

    /// Performs an action; scopes that it opens live in `group`.
    ///
    /// - Throws: ``Differential/TooSlow``, `CancellationError`, what the harness throws. An error of the bus is an observation.
    func perform(_ action: Action, in group: inout DiscardingTaskGroup) async throws -> Seen {
        let seen: Seen
        do {
            seen = try await self.act(action, in: &group)
        } catch let error as BusError {
            seen = Seen(lines: ["throws \(error.code)"])
        }
        switch action {
        case .wait, .drain: break
        default: try self.checkPace()
        }
        return seen
    }

    private func act(_ action: Action, in group: inout DiscardingTaskGroup) async throws -> Seen {
        switch action {
        case .open(let consumer, let slot, let prefetch, let patterns):
            try await self.open(consumer, slot, prefetch, patterns, in: &group)
            return Seen()
        case .publish(let posts): return try await self.publish(posts)
        case .take(let slot, let count): return try await self.take(count, of: slot, isWait: false)
        case .settle(let slot, let labels):
            let seen = self.settle(labels, of: slot)
            for seat in self.seats.values where seat.scope.slot == slot { try await seat.deliveries.flush() }
            return seen
        case .giveBack(let slot, let labels): return try await self.giveBack(labels, of: slot)
        case .stray(let slot):
            try await self.stray(slot)
            return Seen()
        case .end(let consumer, let slot, let how, let labels):
            return try await self.end(consumer, of: slot, how, settling: labels)
        case .wait(let slot, let count):
            try await self.passRetries(of: slot)
            return try await self.take(count, of: slot, isWait: true)
        case .drain(let slot, let finals): return try await self.drain(slot, finals: finals)
        case .letters(let slot): return try await self.letters(of: slot)
        case .redrive(let slot, let limit, let wanted):
            return try await self.redrive(slot, limit: limit, wanted)
        case .unbind(let slot, let pattern):
            let bound = try TopicPattern(pattern.replacing("@", with: self.word))
            try await self.harness.bus.unbind([bound], from: self.harness.subscriptions[slot])
            return Seen()
        case .move(let slot, let other): return try await self.move(slot, to: other)
        case .remove(let slot):
            try await self.harness.bus.remove(self.harness.subscriptions[slot])
            return Seen(lines: ["removed"])
        case .restart:
            try await self.harness.restart()
            return Seen()
        case .mismatch(let slot): return try await self.mismatch(slot)
        }
    }

    // MARK: Publishing and opening

    private func publish(_ posts: [PlannedMessage]) async throws -> Seen {
        for post in posts { self.posts[post.label] = post }
        let outcomes = await self.harness.bus.publish(try posts.map { try $0.message(in: self.word) })
        return Seen(lines: zip(posts, outcomes).map { "\($0.label): \($1.word)" })
    }

    private func open(
        _ consumer: Int,
        _ slot: Int,
        _ prefetch: Int,
        _ patterns: [String],
        in group: inout DiscardingTaskGroup
    ) async throws {
        let subscription = try self.subscription(slot, prefetch, patterns, Differential.ordering(of: slot))
        let scope = OpenScope(consumer: consumer, slot: slot)
        let bus = self.harness.bus
        group.addTask { await scope.run(subscription, on: bus) }
        self.seats[consumer] = Seat(scope: scope, deliveries: try await scope.opened())
    }

    private func mismatch(_ slot: Int) async throws -> Seen {
        let other: Ordering = Differential.ordering(of: slot) == .none ? .perKey : .none
        let subscription = try self.subscription(slot, 10, ["@.mismatch"], other)
        try await self.harness.bus.withDeliveries(to: subscription) { _ in }
        return Seen(lines: ["opens"])
    }

    private func subscription(
        _ slot: Int,
        _ prefetch: Int,
        _ patterns: [String],
        _ ordering: Ordering
    ) throws -> Subscription {
        try Subscription(
            self.harness.subscriptions[slot],
            patterns: patterns.map { try TopicPattern($0.replacing("@", with: self.word)) },
            prefetch: prefetch,
            ordering: ordering,
            retryDelays: [.seconds(1), .seconds(10)]
        )
    }

    // MARK: Taking

    /// Takes up to `count` deliveries.
    func take(_ count: Int, of slot: Int, isWait: Bool) async throws -> Seen {
        let seats = self.seats.sorted { $0.key < $1.key }.filter { $0.value.scope.slot == slot }
        let batches = try await self.collector.take(count, from: seats.map { ($0.key, $0.value.deliveries) })
        var seen = Seen()
        for batch in batches { seen.arrivals += try self.arrived(batch, of: slot, isWait: isWait) }
        if count != .max, seen.arrivals.count < count { seen.obstacle = "nothing more comes" }
        return seen
    }

    private func arrived(_ batch: DeliveryCollector.Batch, of slot: Int, isWait: Bool) throws -> [Seen.Arrival] {
        let isAlone = batch.deliveries.count == 1 && self.seats[batch.consumer]?.held.isEmpty == true
        self.seats[batch.consumer]?.held += batch.deliveries
        return try batch.deliveries.map { delivery in
            let label = self.label(of: delivery.message)
            if let index = self.delayed.firstIndex(where: { $0.slot == slot && $0.label == label }) {
                if !isWait, self.now() >= self.delayed[index].due { throw Differential.TooSlow() }
                self.delayed.remove(at: index)
            }
            let mustBeAlone =
                delivery.returns >= Differential.suspiciousReturns && Differential.ordering(of: slot) == .none
            return Seen.Arrival(
                consumer: batch.consumer,
                label: label,
                returns: delivery.returns,
                text: label + self.notes(on: delivery, mustBeAlone ? isAlone : nil)
            )
        }
    }

    private func notes(on delivery: Delivery, _ isAlone: Bool?) -> String {
        var notes: [String] = []
        if delivery.failures != Failures() { notes.append(self.text(of: delivery.failures)) }
        if delivery.returns > 0 { notes.append("returned \(delivery.returns)") }
        if delivery.isRedelivered != (delivery.returns > 0) { notes.append("redelivered \(delivery.isRedelivered)") }
        if delivery.redrives > 0 { notes.append("redriven \(delivery.redrives)") }
        if let isAlone { notes.append(isAlone ? "alone" : "not alone") }
        if !self.isUnchanged(delivery.message) { notes.append("changed") }
        return notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))"
    }

    func text(of failures: Failures) -> String {
        let since =
            failures.firstAt == PlannedMessage.firstFailure
            ? "" : failures.firstAt.map { " since \($0)" } ?? " since never"
        return "failed \(failures.count)\(since)"
    }

    func label(of message: Message) -> String {
        PlannedMessage.label(of: message)
    }

    func isUnchanged(_ message: Message) -> Bool {
        guard let published = try? self.posts[self.label(of: message)]?.message(in: self.word) else { return false }
        return message.isUnchanged(from: published)
    }

    // MARK: Time

    /// Waits until all retries of a subscription are due.
    func passRetries(of slot: Int) async throws {
        if let due = self.delayed.filter({ $0.slot == slot }).map(\.due).max() { try await self.pass(until: due) }
    }

    func pass(until due: Duration) async throws {
        let rest = due - self.now()
        if rest > .zero { try await self.harness.pass(rest) }
    }

    /// Whether all retries of the messages published so far have the same delay.
    var hasOneDelay: Bool {
        self.posts.values.allSatisfy { post in
            post.fates.joined().allSatisfy { if case .retry(let seconds) = $0 { seconds == 1 } else { true } }
        }
    }

    private func checkPace() throws {
        let now = self.now()
        if self.delayed.contains(where: { $0.due <= now }) { throw Differential.TooSlow() }
        // Messages with different delays arrive in the order of their due times only if they were delayed at about the same time.
        let delays = Set(self.delayed.map(\.delay))
        if delays.count > 1, self.delayed.contains(where: { now - $0.since > .seconds(2) }) {
            throw Differential.TooSlow()
        }
    }
}
