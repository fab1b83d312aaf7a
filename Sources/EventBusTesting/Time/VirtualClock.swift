// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// A clock that stands still until a test moves it.
public final class VirtualClock: Clock {
    /// A point in virtual time.
    public struct Instant: InstantProtocol, Sendable {
        /// The virtual time that has passed since the clock was created.
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
        // A closure, since arrays of continuations, whose layout only the runtime knows, are slow to move about.
        let resume: @Sendable (_ hasSlept: Bool) -> Void
    }

    private struct State: Sendable {
        var now = Instant(offset: .zero)
        /// By deadline, then in order of arrival.
        var sleepers: [Sleeper] = []
        var lastSleeper: UInt64 = 0
        var cancelled: Set<UInt64> = []

        mutating func add(_ sleeper: Sleeper) {
            let place = self.sleepers.lastIndex { $0.deadline <= sleeper.deadline }.map { $0 + 1 } ?? 0
            self.sleepers.insert(sleeper, at: place)
        }
    }

    private let state = Mutex(State())

    /// Creates a clock that shows zero.
    public init() {}

    /// The virtual time.
    public var now: Instant { self.state.withLock { $0.now } }

    /// Zero: virtual time is exact.
    public var minimumResolution: Duration { .zero }

    /// Waits until the clock reaches the deadline.
    ///
    /// - Throws: `CancellationError`.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = self.state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        let hasSlept = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let hasSlept: Bool? = self.state.withLock { state in
                    if state.cancelled.remove(id) != nil { return false }
                    if deadline <= state.now { return true }
                    state.add(Sleeper(deadline: deadline, id: id) { continuation.resume(returning: $0) })
                    return nil
                }
                if let hasSlept { continuation.resume(returning: hasSlept) }
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

    /// Advances the clock and wakes the tasks whose deadline has come.
    public func advance(by duration: Duration) {
        require(duration >= .zero, "duration is \(duration), must not be negative")
        self.advance(to: self.now.advanced(by: duration))
    }

    /// Calls `body` when the clock reaches the deadline, on the thread that moves the clock.
    package func call(at deadline: Instant, _ body: @escaping @Sendable () -> Void) {
        self.state.withLock { state in
            state.lastSleeper += 1
            state.add(Sleeper(deadline: max(deadline, state.now), id: state.lastSleeper) { _ in body() })
        }
    }

    /// The deadline of the task that wakes next.
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
}
