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
        let id: UInt64
        // Not the continuation itself, whose layout only the runtime knows: a simulation moves sleepers about a lot.
        let resume: @Sendable (_ hasSlept: Bool) -> Void
    }

    private struct Watcher: Sendable {
        let deadline: Instant
        let resume: @Sendable () -> Void
    }

    private struct State: Sendable {
        var now = Instant(offset: .zero)
        /// In order of their deadlines, and of their arrival.
        var sleepers: [Sleeper] = []
        var watchers: [Watcher] = []
        var lastSleeper: UInt64 = 0
        var cancelled: Set<UInt64> = []

        mutating func add(_ sleeper: Sleeper) {
            let place = self.sleepers.lastIndex { $0.deadline <= sleeper.deadline }.map { $0 + 1 } ?? 0
            self.sleepers.insert(sleeper, at: place)
        }
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
                    state.add(Sleeper(deadline: deadline, id: id) { continuation.resume(returning: $0) })
                    guard !state.watchers.isEmpty else { return (nil, []) }
                    let watchers = state.watchers.filter { $0.deadline == deadline }
                    state.watchers.removeAll { $0.deadline == deadline }
                    return (nil, watchers)
                }
                if let answer { continuation.resume(returning: answer) }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            let sleeper = self.state.withLock { state -> Sleeper? in
                guard let place = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: place)
            }
            sleeper?.resume(false)
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
        self.state.withLock { $0.sleepers.first?.deadline }
    }

    package func advance(to instant: Instant) {
        let due = self.state.withLock { state in
            state.now = max(state.now, instant)
            let due = state.sleepers.prefix { $0.deadline <= state.now }
            state.sleepers.removeFirst(due.count)
            return due
        }
        for sleeper in due { sleeper.resume(true) }
    }

    /// Returns when some task sleeps until exactly `duration` from now: the way to know that a retry or a pause has begun.
    public func untilSomeoneSleeps(for duration: Duration) async {
        await withCheckedContinuation { continuation in
            let isSleeping = self.state.withLock { state in
                let deadline = state.now.advanced(by: duration)
                if state.sleepers.contains(where: { $0.deadline == deadline }) { return true }
                state.watchers.append(Watcher(deadline: deadline) { continuation.resume() })
                return false
            }
            if isSleeping { continuation.resume() }
        }
    }
}
