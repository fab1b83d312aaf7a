// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Waiting and being woken")
struct SupportTests {
    private let stage = Stage()

    // MARK: Signal

    @Test func aSignalThatWasRaisedEarlierLetsOneWaiterPass() {
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
        // It left nobody behind who would swallow the next raise.
        signal.raise()
        #expect(self.stage.start { await signal.wait() }.hasEnded)
    }

    @Test func aWaitWithADeadlineEndsAtTheDeadline() {
        let signal = Signal()
        let timeline = RelativeClock(self.stage.clock)
        let waiting = self.stage.start { await signal.wait(until: .seconds(3), on: timeline) }
        self.stage.advance(by: .seconds(2.999))
        #expect(!waiting.hasEnded)
        self.stage.advance(by: .seconds(0.001))
        #expect(waiting.hasEnded)
    }

    @Test func aWaitWithADeadlineEndsWhenTheSignalIsRaised() {
        let signal = Signal()
        let timeline = RelativeClock(self.stage.clock)
        let waiting = self.stage.start { await signal.wait(until: .seconds(3), on: timeline) }
        signal.raise()
        self.stage.settle()
        #expect(waiting.hasEnded)
        #expect(timeline.now() == .zero)
    }

    @Test func aWaitWithADeadlineEndsWhenItIsCancelled() {
        let signal = Signal()
        let timeline = RelativeClock(self.stage.clock)
        let waiting = self.stage.start { await signal.wait(until: .seconds(3), on: timeline) }
        waiting.cancel()
        self.stage.settle()
        #expect(waiting.hasEnded)
    }

    // MARK: Notifier

    @Test func aLevelWakesEveryWaiterThatItHasPassed() throws {
        let level = Notifier()
        let first = self.stage.start { try await level.wait(above: 0) }
        let second = self.stage.start { try await level.wait(above: 0) }
        #expect(!first.hasEnded && !second.hasEnded)
        level.raise()
        self.stage.settle()
        #expect(try first.result?.get() == 1)
        #expect(try second.result?.get() == 1)
        // A rise before the wait is not missed.
        #expect(try self.stage.run { try await level.wait(above: 0) } == 1)
        #expect(!self.stage.start { try await level.wait(above: 1) }.hasEnded)
    }

    @Test func aLevelWakesNobodyBeforeItsTime() throws {
        let level = Notifier()
        let waiting = self.stage.start { try await level.wait(above: 1) }
        level.raise()
        self.stage.settle()
        #expect(!waiting.hasEnded)
        level.raise()
        self.stage.settle()
        #expect(try waiting.result?.get() == 2)
    }

    @Test func aLevelWakesItsWaitersInOrderOfArrival() {
        let level = Notifier()
        let log = Log<Int>()
        let waiting = (1...20).map { number in
            self.stage.start {
                _ = try await level.wait(above: 0)
                log.append(number)
            }
        }
        level.raise()
        self.stage.settle()
        #expect(waiting.filter(\.hasEnded).count == 20)
        #expect(log.entries == Array(1...20))
    }

    @Test func aCancelledWaitForALevelThrows() {
        let level = Notifier()
        let waiting = self.stage.start { try await level.wait(above: 0) }
        waiting.cancel()
        self.stage.settle()
        #expect(waiting.error is CancellationError)
        level.raise()
        self.stage.settle()
        #expect(level.value == 1)
    }

    // MARK: AsyncSemaphore

    @Test func aSemaphoreLetsTasksThroughInOrderOfArrival() {
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

    @Test func aTaskThatIsCancelledBeforeASemaphoreLeavesTheQueue() throws {
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

    @Test func aTurnThatThrowsIsGivenOn() throws {
        struct Thrown: Error {}
        let semaphore = AsyncSemaphore()
        #expect(throws: Thrown.self) { try self.stage.run { try await semaphore.withPermit { throw Thrown() } } }
        try self.stage.run { try await semaphore.withPermit {} }
    }

    @Test func aFullSemaphoreTurnsAway() {
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

    // MARK: Backoff and timelines

    @Test func pausesDoubleUpToTheLongestAndCanStartAnew() {
        var backoff = Backoff(first: .milliseconds(50), longest: .milliseconds(300))
        #expect((0..<5).map { _ in backoff.next() } == [50, 100, 200, 300, 300].map { .milliseconds($0) })
        backoff.reset()
        #expect(backoff.next() == .milliseconds(50))
    }

    @Test func aTimelineStartsAtZeroWhateverItsClockShows() {
        self.stage.clock.advance(by: .seconds(100))
        let timeline = RelativeClock(self.stage.clock)
        #expect(timeline.now() == .zero)
        let sleeping = self.stage.start { try await timeline.sleep(.seconds(1)) }
        self.stage.advance(by: .seconds(0.5))
        #expect(!sleeping.hasEnded)
        self.stage.advance(by: .seconds(0.5))
        #expect(sleeping.hasEnded && sleeping.error == nil)
        #expect(timeline.now() == .seconds(1))
    }
}
