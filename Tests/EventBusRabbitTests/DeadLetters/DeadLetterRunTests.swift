// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation
import Testing

@testable import EventBusRabbit

@Suite("How far a caller has come with dead letters")
struct DeadLetterRunTests {
    private func letters(_ ids: String...) -> [DeadLetter] {
        let time = Date(timeIntervalSince1970: 0)
        return ids.map { id in
            let message = Message(id: id, topic: "t", time: time, body: [])
            return DeadLetter(message: message, reason: "", failures: Failures(), deadAt: time)
        }
    }

    @Test func endsWithWhatWasThereAtTheBeginning() {
        var run = DeadLetterRun(limit: 100, batch: 10)
        run.begin(count: 3)
        #expect(run.remaining == 3)
        let first = run.decide(self.letters("a", "b"), [.keep, .discard])
        #expect(run.settled(first, stored: []) == [false, true])
        #expect(!run.isOver)
        run.begin(count: 50)
        #expect(run.remaining == 1)
        let second = run.decide(self.letters("c"), [.redrive])
        #expect(run.settled(second, stored: [true]) == [true])
        #expect(run.isOver)
        #expect((run.counts.kept, run.counts.discarded, run.counts.redriven) == (1, 1, 1))
    }

    @Test func aCopyStaysWithAnEventThatWasNotStored() {
        var run = DeadLetterRun(limit: 100, batch: 10)
        run.begin(count: 10)
        let first = run.decide(self.letters("a", "b", "a", "b"), [.redrive, .redrive, .redrive, .redrive])
        #expect(first == [.give, .give, .remove(copyOf: 0), .remove(copyOf: 1)])
        #expect(run.settled(first, stored: [true, false]) == [true, false, true, false])
        #expect((run.counts.redriven, run.counts.copies) == (1, 1))
    }

    @Test func aCopyInALaterBatchIsRemoved() {
        var run = DeadLetterRun(limit: 100, batch: 1)
        run.begin(count: 10)
        #expect(run.settled(run.decide(self.letters("a"), [.redrive]), stored: [true]) == [true])
        #expect(run.settled(run.decide(self.letters("b"), [.redrive]), stored: [true]) == [true])
        #expect(run.settled(run.decide(self.letters("a", "b"), [.redrive, .keep]), stored: []) == [true, false])
        #expect(run.counts.copies == 1)
    }

    @Test func whatFailedAgainBetweenTwoPassesIsNoCopy() {
        var run = DeadLetterRun(limit: 100, batch: 1)
        run.begin(count: 10)
        #expect(run.settled(run.decide(self.letters("a"), [.redrive]), stored: [true]) == [true])
        run.passEnded(isCut: true)
        run.begin(count: 9)
        #expect(run.settled(run.decide(self.letters("a"), [.redrive]), stored: [false]) == [false])
        #expect(run.counts.copies == 0)
    }

    @Test func aPassThatWasCutIsFollowedByAnother() {
        var run = DeadLetterRun(limit: 100, batch: 1)
        run.begin(count: 10)
        run.passEnded(isCut: true)
        #expect(!run.isOver)
        run.passEnded(isCut: false)
        #expect(run.isOver)
    }

    @Test func nothingThereIsOverAtOnce() {
        var run = DeadLetterRun(limit: 100, batch: 1)
        run.begin(count: 0)
        #expect(run.isOver)
    }
}
