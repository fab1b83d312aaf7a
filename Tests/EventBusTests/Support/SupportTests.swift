// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Waiting tasks and back-off")
struct SupportTests {
    private let stage = ManualExecutor()

    // MARK: Signal

    @Test func aSignalRaisedEarlierReleasesOneTask() {
        let signal = Signal()
        signal.raise()
        signal.raise()
        #expect(self.stage.start { await signal.wait() }.hasEnded)
        let second = self.stage.start { await signal.wait() }
        #expect(!second.hasEnded)
        signal.raise()
        self.stage.settle()
        #expect(second.hasEnded)
    }

    @Test func aCancelledWaitForASignalReturns() {
        let signal = Signal()
        let waiting = self.stage.start { await signal.wait() }
        #expect(!waiting.hasEnded)
        waiting.cancel()
        self.stage.settle()
        #expect(waiting.hasEnded)
        // The cancelled task has left no waiter behind that would consume the next raise.
        signal.raise()
        #expect(self.stage.start { await signal.wait() }.hasEnded)
    }

    @Test func aWaitWithADeadlineEndsAtTheDeadline() {
        let signal = Signal()
        let clock = RelativeClock(self.stage.clock)
        let waiting = self.stage.start { await signal.wait(until: .seconds(3), on: clock) }
        self.stage.advance(by: .seconds(2.999))
        #expect(!waiting.hasEnded)
        self.stage.advance(by: .seconds(0.001))
        #expect(waiting.hasEnded)
    }

    @Test func aWaitWithADeadlineEndsWhenTheSignalIsRaised() {
        let signal = Signal()
        let clock = RelativeClock(self.stage.clock)
        let waiting = self.stage.start { await signal.wait(until: .seconds(3), on: clock) }
        signal.raise()
        self.stage.settle()
        #expect(waiting.hasEnded)
        #expect(clock.now() == .zero)
    }

    @Test func aWaitWithADeadlineEndsWhenItIsCancelled() {
        let signal = Signal()
        let clock = RelativeClock(self.stage.clock)
        let waiting = self.stage.start { await signal.wait(until: .seconds(3), on: clock) }
        waiting.cancel()
        self.stage.settle()
        #expect(waiting.hasEnded)
    }

    // MARK: Notifier

    @Test func aNotifierWakesEveryTaskWhoseValueIsExceeded() throws {
        let notifier = Notifier()
        let first = self.stage.start { try await notifier.wait(above: 0) }
        let second = self.stage.start { try await notifier.wait(above: 0) }
        #expect(!first.hasEnded && !second.hasEnded)
        notifier.raise()
        self.stage.settle()
        #expect(try first.result?.get() == 1)
        #expect(try second.result?.get() == 1)
        // An increase before the wait is not missed.
        #expect(try self.stage.run { try await notifier.wait(above: 0) } == 1)
        #expect(!self.stage.start { try await notifier.wait(above: 1) }.hasEnded)
    }

    @Test func aNotifierWakesNoTaskTooEarly() throws {
        let notifier = Notifier()
        let waiting = self.stage.start { try await notifier.wait(above: 1) }
        notifier.raise()
        self.stage.settle()
        #expect(!waiting.hasEnded)
        notifier.raise()
        self.stage.settle()
        #expect(try waiting.result?.get() == 2)
    }

    @Test func aNotifierWakesTasksInOrderOfArrival() {
        let notifier = Notifier()
        let log = Log<Int>()
        let waiting = (1...20).map { number in
            self.stage.start {
                _ = try await notifier.wait(above: 0)
                log.append(number)
            }
        }
        notifier.raise()
        self.stage.settle()
        #expect(waiting.filter(\.hasEnded).count == 20)
        #expect(log.entries == Array(1...20))
    }

    @Test func aCancelledWaitForANotifierThrows() {
        let notifier = Notifier()
        let waiting = self.stage.start { try await notifier.wait(above: 0) }
        waiting.cancel()
        self.stage.settle()
        #expect(waiting.error is CancellationError)
        notifier.raise()
        self.stage.settle()
        #expect(notifier.value == 1)
    }

    // MARK: AsyncSemaphore

    @Test func aSemaphoreAdmitsTasksInOrderOfArrival() {
        let semaphore = AsyncSemaphore(permits: 2)
        let log = Log<Int>()
        let gates = (0..<5).map { _ in Gate() }
        for number in 0..<5 {
            _ = self.stage.start {
                try await semaphore.withPermit {
                    log.append(number)
                    try await gates[number].wait()
                }
            }
        }
        #expect(log.entries == [0, 1])
        gates[1].open()
        self.stage.settle()
        #expect(log.entries == [0, 1, 2])
        gates[0].open()
        gates[2].open()
        self.stage.settle()
        #expect(log.entries == [0, 1, 2, 3, 4])
    }

    @Test func aCancelledTaskLeavesTheQueueOfASemaphore() throws {
        let semaphore = AsyncSemaphore()
        let log = Log<String>()
        let gate = Gate()
        let inside = self.stage.start { try await semaphore.withPermit { try await gate.wait() } }
        let cancelled = self.stage.start { try await semaphore.withPermit { log.append("cancelled") } }
        let next = self.stage.start { try await semaphore.withPermit { log.append("next") } }
        cancelled.cancel()
        self.stage.settle()
        #expect(cancelled.error is CancellationError)
        #expect(!next.hasEnded)
        gate.open()
        self.stage.settle()
        #expect(inside.hasEnded && next.hasEnded)
        #expect(log.entries == ["next"])
        try self.stage.run { try await semaphore.withPermit { log.append("free again") } }
    }

    @Test func aPermitIsReturnedWhenTheBodyThrows() throws {
        struct Thrown: Error {}
        let semaphore = AsyncSemaphore()
        #expect(throws: Thrown.self) { try self.stage.run { try await semaphore.withPermit { throw Thrown() } } }
        try self.stage.run { try await semaphore.withPermit {} }
    }

    @Test func aFullSemaphoreRefusesFurtherTasks() {
        let semaphore = AsyncSemaphore(permits: 1, maximumWaiting: 1)
        let gate = Gate()
        _ = self.stage.start { try await semaphore.withPermit { try await gate.wait() } }
        let waiting = self.stage.start { try await semaphore.withPermit {} }
        let turnedAway = self.stage.start { try await semaphore.withPermit {} }
        #expect(turnedAway.error is AsyncSemaphore.Full)
        #expect(!waiting.hasEnded)
        gate.open()
        self.stage.settle()
        #expect(waiting.hasEnded && waiting.error == nil)
    }

    @Test func aTaskWaitsForASemaphoreForALimitedTimeOnly() throws {
        let semaphore = AsyncSemaphore()
        let clock = RelativeClock(self.stage.clock)
        let log = Log<String>()
        let gate = Gate()
        // The time of the one inside does not count.
        let inside = self.stage.start {
            try await semaphore.withPermit(waitingAtMost: .seconds(1), on: clock) { try await gate.wait() }
        }
        let early = self.stage.start {
            try await semaphore.withPermit(waitingAtMost: .seconds(3), on: clock) { log.append("early") }
        }
        self.stage.advance(by: .seconds(1))
        let late = self.stage.start {
            try await semaphore.withPermit(waitingAtMost: .seconds(3), on: clock) { log.append("late") }
        }
        let patient = self.stage.start { try await semaphore.withPermit { log.append("patient") } }
        self.stage.advance(by: .seconds(1.999))
        #expect(!early.hasEnded)
        self.stage.advance(by: .seconds(0.001))
        #expect((early.error as? TimeLimitExceeded)?.limit == .seconds(3))
        #expect(!late.hasEnded && !patient.hasEnded && !inside.hasEnded)
        gate.open()
        self.stage.settle()
        #expect(log.entries == ["late", "patient"])
        #expect(self.stage.clock.nextDeadline == nil, "no timer is left behind")
        try self.stage.run {
            try await semaphore.withPermit(waitingAtMost: .seconds(1), on: clock) { log.append("free again") }
        }
    }

    @Test func aTaskThatIsCancelledTakesNoPermit() throws {
        let semaphore = AsyncSemaphore()
        let clock = RelativeClock(self.stage.clock)
        let log = Log<String>()
        let gate = Gate()
        let inside = self.stage.start { try await semaphore.withPermit { try await gate.wait() } }
        let waiting = self.stage.start {
            try await semaphore.withPermit(waitingAtMost: .seconds(3), on: clock) { log.append("waiting") }
        }
        waiting.cancel()
        self.stage.settle()
        #expect(waiting.error is CancellationError)
        #expect(self.stage.clock.nextDeadline == nil)
        gate.open()
        self.stage.settle()
        #expect(inside.hasEnded)
        let cancelled = self.stage.start {
            withUnsafeCurrentTask { $0?.cancel() }
            try await semaphore.withPermit(waitingAtMost: .seconds(3), on: clock) { log.append("cancelled") }
        }
        #expect(cancelled.error is CancellationError)
        #expect(log.entries == [])
        #expect(!semaphore.isTaken)
    }

    // MARK: Backoff and RelativeClock

    @Test func pausesDoubleUpToTheLongestAndCanBeReset() {
        var backoff = Backoff(first: .milliseconds(50), longest: .milliseconds(300))
        #expect((0..<5).map { _ in backoff.next() } == [50, 100, 200, 300, 300].map { .milliseconds($0) })
        backoff.reset()
        #expect(backoff.next() == .milliseconds(50))
    }

    @Test func aRelativeClockStartsAtZero() {
        self.stage.clock.advance(by: .seconds(100))
        let clock = RelativeClock(self.stage.clock)
        #expect(clock.now() == .zero)
        let sleeping = self.stage.start { try await clock.sleep(.seconds(1)) }
        self.stage.advance(by: .seconds(0.5))
        #expect(!sleeping.hasEnded)
        self.stage.advance(by: .seconds(0.5))
        #expect(sleeping.hasEnded && sleeping.error == nil)
        #expect(clock.now() == .seconds(1))
    }
}
