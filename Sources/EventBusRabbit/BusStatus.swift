// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// What a bus is doing, and which tasks wait for it to start.
final class BusStatus: Sendable {
    enum Phase: Hashable, Sendable {
        case idle
        case connecting
        case connected
        case blocked(reason: String)
        case down(String)
        case ended
    }

    /// A shard that is not open, or was not a moment ago, while others are.
    private struct ClosedShard: Sendable {
        /// After so long it counts as open: one that is lost again and again has the same trouble all the time.
        private static let stable = TimeAmount.seconds(10)

        let reason: String
        let since: NIODeadline
        var openSince: NIODeadline?

        func isOver(_ now: NIODeadline) -> Bool { self.openSince.map { now - $0 >= Self.stable } ?? false }
    }

    private struct State: Sendable {
        var phase = Phase.idle
        /// Since when the bus has been in this phase, whatever its text.
        var since = NIODeadline.now()
        var connectedSince = NIODeadline.now()
        /// How the last connection ended, or why there was none.
        var lastLoss: String?
        var lanes: [LaneActivity.Kind: SharedActivity] = [:]
        var lastScope: UInt64 = 0
        /// The copies that are not confirmed, by scope.
        var delayedCopies: [UInt64: (subscription: SubscriptionName, delay: CopyDelay)] = [:]
        /// The retry queues that cannot be used, by scope.
        var retryTroubles: [UInt64: RetryQueues.Trouble] = [:]
        /// The subscriptions whose messages wait and are not delivered.
        ///
        /// Each holds until the next look, which may be that of another session.
        var standstills: [SubscriptionName: (standstill: QueueWatch.Standstill, until: NIODeadline, times: Int)] = [:]
        /// The subscriptions whose messages wait behind another consumer and do not move, each until the next look.
        var untouched: [SubscriptionName: (what: QueueWatch.Untouched, until: NIODeadline)] = [:]
        /// Why the exchange and the bindings of open subscriptions cannot be declared again, and since when.
        var unrepaired: [SubscriptionName: (reason: String, since: NIODeadline)] = [:]
        var consumerTimeouts: [SubscriptionName: ConsumerTimeout] = [:]
        /// Why shards are not open, by the name of the shard, and since when.
        var closedShards: [SubscriptionName: ClosedShard] = [:]

        func problems(now: NIODeadline) -> [String] {
            let age = "\((now - self.since).nanoseconds / 1_000_000_000) s"
            switch self.phase {
            case .connected: return self.lanes(LaneActivity.problems, now)
            case .idle: return ["the bus is not running"]
            case .connecting: return ["not connected yet"]
            case .blocked(let reason):
                return ["the broker has accepted no messages for \(age): \(reason)"]
                    + self.lanes(LaneActivity.problems, now)
            case .down(let text): return ["not connected for \(age): \(text)"]
            case .ended: return ["the bus has been shut down"]
            }
        }

        func notes(now: NIODeadline) -> [String] {
            guard self.phase == .connected else { return [] }
            var notes = self.lanes(LaneActivity.notes, now)
            if let loss = self.lastLoss, now - self.connectedSince < .minutes(1) {
                notes.append(
                    "connected for \((now - self.connectedSince).nanoseconds / 1_000_000_000) s, after: \(loss)"
                )
            }
            return notes
        }

        private func lanes(
            _ texts: (LaneActivity) -> (NIODeadline) -> [String],
            _ now: NIODeadline
        ) -> [String] {
            self.lanes.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { texts($0.value.current)(now) }
        }
    }

    private enum Answer: Sendable {
        case started
        case ended
        case cancelled
    }

    /// After that a shard that is not open is a problem.
    private static let longestReopening = TimeAmount.minutes(1)
    /// Longer than the time between two looks at a queue.
    private static let longestLook = TimeAmount.seconds(150)

    private let state = WaitList<State, Void, Answer>(State())

    /// What keeps the bus from publishing, or from moving messages that have failed.
    var health: Health { self.health(now: .now()) }

    func health(now: NIODeadline) -> Health {
        self.state.withLock { state in
            let delays = state.delayedCopies.sorted { $0.key < $1.key }.map(\.value)
            let copies = delays.map { "subscription \($0.subscription): \($0.delay)" }
            let untouched = state.untouched.filter { now < $0.value.until }.mapValues(\.what)
            let closed = Dictionary(grouping: state.closedShards.filter { $0.value.openSince == nil }) {
                now - $0.value.since >= Self.longestReopening
            }
            .mapValues { Self.texts(Dictionary(uniqueKeysWithValues: $0).mapValues(\.reason)) }
            let subscriptions = Self.texts(untouched) + Self.texts(state.consumerTimeouts) + closed[false, default: []]
            let troubles = state.retryTroubles.sorted { $0.key < $1.key }.map(\.value)
            return Health(
                problems: (state.problems(now: now) + copies).map { "RabbitMQ: \($0)" }
                    + troubles.filter(\.isTotal).flatMap(\.reasons)
                    + Self.texts(state.standstills.filter { now < $0.value.until }.mapValues(\.standstill))
                    + Self.texts(state.unrepaired.mapValues { Self.text(unrepaired: $0.reason, now - $0.since) })
                    + closed[true, default: []],
                notes: state.notes(now: now).map { "RabbitMQ: \($0)" }
                    + troubles.filter { !$0.isTotal }.flatMap(\.reasons) + subscriptions
            )
        }
    }

    var isIdle: Bool { self.state.withLock { $0.phase == .idle } }

    /// Marks the bus as running.
    ///
    /// - Returns: whether it was idle.
    func start() -> Bool {
        self.state.change { state, waiters in
            guard state.phase == .idle else { return false }
            state.phase = .connecting
            waiters.resumeAll(returning: .started)
            return true
        }
    }

    func change(to phase: Phase, now: NIODeadline = .now()) {
        self.state.withLock { state in
            guard state.phase != .ended else { return }
            switch (state.phase, phase) {
            // The text may change; the time counts from the first one.
            case (.blocked, .blocked), (.down, .down): break
            case (.blocked, .connected): state.since = now
            case (_, .connected): (state.since, state.connectedSince) = (now, now)
            default: state.since = now
            }
            if case .down(let text) = phase { state.lastLoss = text }
            state.phase = phase
        }
    }

    /// From now on the health tells what is measured on one of the channels that messages are published on.
    func observe(_ activity: SharedActivity, of kind: LaneActivity.Kind) {
        self.state.withLock { $0.lanes[kind] = activity }
    }

    /// Copies of a subscription are not confirmed, or, with `nil`, no longer.
    func note(_ delay: CopyDelay?, of subscription: SubscriptionName, scope: UInt64) {
        self.state.withLock { $0.delayedCopies[scope] = delay.map { (subscription, $0) } }
    }

    /// The retry queues of a subscription that cannot be used.
    ///
    /// That is a problem while messages wait that no other one can take, and otherwise a note: then retries come after another delay.
    func note(_ trouble: RetryQueues.Trouble, scope: UInt64) {
        self.state.withLock { $0.retryTroubles[scope] = trouble.reasons.isEmpty ? nil : trouble }
    }

    /// Messages of a subscription wait and are not delivered, or, with `nil`, no longer.
    ///
    /// - Returns: how many times in a row it was noted.
    @discardableResult
    func note(_ standstill: QueueWatch.Standstill?, of subscription: SubscriptionName) -> Int {
        self.state.withLock { state in
            let times = standstill == nil ? 0 : (state.standstills[subscription]?.times ?? 0) + 1
            state.standstills[subscription] = standstill.map { ($0, .now() + Self.longestLook, times) }
            return times
        }
    }

    /// The exchange and the bindings of an open subscription cannot be declared again, or, with `nil`, can again.
    func note(unrepaired reason: String?, of subscription: SubscriptionName, now: NIODeadline = .now()) {
        self.state.withLock { state in
            let since = state.unrepaired[subscription]?.since ?? now
            state.unrepaired[subscription] = reason.map { ($0, since) }
        }
    }

    /// Messages of a subscription wait behind another consumer and do not move, or, with `nil`, they do.
    func noteUntouched(
        _ untouched: QueueWatch.Untouched?,
        of subscription: SubscriptionName,
        now: NIODeadline = .now()
    ) {
        self.state.withLock { $0.untouched[subscription] = untouched.map { ($0, now + Self.longestLook) } }
    }

    /// A shard is not open, or, with `nil`, it is.
    ///
    /// - Returns: whether nothing of the kind was noted before.
    @discardableResult
    func noteClosed(_ reason: String?, shard: SubscriptionName, now: NIODeadline = .now()) -> Bool {
        self.state.withLock { state in
            let known = state.closedShards[shard].flatMap { $0.isOver(now) ? nil : $0 }
            if let reason {
                state.closedShards[shard] = ClosedShard(reason: reason, since: known?.since ?? now)
            } else {
                state.closedShards[shard] = known
                state.closedShards[shard]?.openSince = known?.openSince ?? now
            }
            return known == nil
        }
    }

    /// The broker has told for how long a delivery may be unsettled.
    func note(_ timeout: ConsumerTimeout, of subscription: SubscriptionName) {
        self.state.withLock { $0.consumerTimeouts[subscription] = timeout }
    }

    private static func text(unrepaired reason: String, _ age: TimeAmount) -> String {
        "for \(age.nanoseconds / 1_000_000_000) s exchange and bindings could not be declared again, events may not arrive: \(reason)"
    }

    private static func texts<Fact>(_ facts: [SubscriptionName: Fact]) -> [String] {
        facts.map { "RabbitMQ: subscription \($0.key): \($0.value)" }.sorted()
    }

    /// A number for a new scope, unique within the bus.
    func nextScope() -> UInt64 {
        self.state.withLock {
            $0.lastScope += 1
            return $0.lastScope
        }
    }

    /// Waits until the bus has been started.
    ///
    /// - Throws: `BusError` with code `closed`; `CancellationError`.
    func untilStarted() async throws {
        let answer = await self.state.wait(orWhenCancelled: .cancelled) { state, _ in
            switch state.phase {
            case .idle: .wait(())
            case .ended: .answer(.ended)
            case .connecting, .connected, .blocked, .down: .answer(.started)
            }
        }
        switch answer {
        case .started: break
        case .ended: throw BusError.shutDown
        case .cancelled: throw CancellationError()
        }
    }
}
