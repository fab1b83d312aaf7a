// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A clock that stands still until a test moves it.
public final class VirtualClock: Clock {
    /// A point in virtual time.
    public struct Instant: InstantProtocol, Sendable {
        /// The virtual time that has passed since the clock was made.
        public let offset: Duration

        /// The instant a duration later.
        public func advanced(by duration: Duration) -> Instant { Instant(offset: self.offset + duration) }

        /// The time until another instant.
        public func duration(to other: Instant) -> Duration { other.offset - self.offset }

        /// Orders by time.
        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper: Sendable {
        let deadline: Instant
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct Watcher: Sendable {
        let deadline: Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State: Sendable {
        var now = Instant(offset: .zero)
        var sleepers: [UInt64: Sleeper] = [:]
        var watchers: [Watcher] = []
        var lastSleeper: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())

    /// Makes a clock that shows zero.
    public init() {}

    /// The virtual time.
    public var now: Instant { self.state.withLock { $0.now } }

    /// Zero: virtual time is exact.
    public var minimumResolution: Duration { .zero }

    /// Waits until the clock is moved to the deadline or past it.
    ///
    /// - Throws: `CancellationError`.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = self.state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        let hasSlept = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (answer, watchers): (Bool?, [Watcher]) = self.state.withLock { state in
                    if state.cancelled.remove(id) != nil { return (false, []) }
                    if deadline <= state.now { return (true, []) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    let watchers = state.watchers.filter { $0.deadline == deadline }
                    state.watchers.removeAll { $0.deadline == deadline }
                    return (nil, watchers)
                }
                if let answer { continuation.resume(returning: answer) }
                for watcher in watchers { watcher.continuation.resume() }
            }
        } onCancel: {
            let sleeper = self.state.withLock { state in
                if state.sleepers[id] == nil { state.cancelled.insert(id) }
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.continuation.resume(returning: false)
        }
        self.state.withLock { _ = $0.cancelled.remove(id) }
        if !hasSlept { throw CancellationError() }
    }

    /// Moves the clock and wakes those whose deadline has come.
    public func advance(by duration: Duration) {
        self.advance(to: self.now.advanced(by: duration))
    }

    /// When the next of those who sleep is due.
    package var nextDeadline: Instant? {
        self.state.withLock { state in state.sleepers.values.map(\.deadline).min() }
    }

    package func advance(to instant: Instant) {
        let due = self.state.withLock { state in
            state.now = max(state.now, instant)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.sorted { ($0.value.deadline, $0.key) < ($1.value.deadline, $1.key) }
        }
        for sleeper in due { sleeper.value.continuation.resume(returning: true) }
    }

    /// Returns when some task sleeps until exactly `duration` from now: the way to know that a retry or a pause has begun.
    public func untilSomeoneSleeps(for duration: Duration) async {
        await withCheckedContinuation { continuation in
            let isSleeping = self.state.withLock { state in
                let deadline = state.now.advanced(by: duration)
                if state.sleepers.values.contains(where: { $0.deadline == deadline }) { return true }
                state.watchers.append(Watcher(deadline: deadline, continuation: continuation))
                return false
            }
            if isSleeping { continuation.resume() }
        }
    }
}
