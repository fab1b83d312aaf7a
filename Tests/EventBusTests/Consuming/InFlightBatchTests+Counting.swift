// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension InFlightBatchTests {
    // MARK: Counting

    @Test func aFirstAttemptIsProcessedWithoutACount() {
        var scene = Scene(self.delivery("a"))
        #expect(scene.next() == "process a")
        #expect(scene.stamps == 0)
        #expect(!scene.batch.isSuspect)
    }

    @Test func aLaterAttemptIsCountedWithWhatIsKnown() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 2, firstAt: Self.time), returns: 3, redrives: 4))
        #expect(scene.next() == "count a failures 2 lost 1 redrives 4 claim 1")
        #expect(scene.batch.isSuspect)
    }

    @Test(arguments: [(0, 1), (1, 1), (2, 1), (3, 2), (7, 6)])
    func onlyTheReturnsOfWhatWasDeliveredAloneProveStarts(returns: Int, number: Int) {
        func attempt(_ failures: Int, _ ordering: Ordering) -> Attempt {
            let event = EventIdentity(source: "s", id: "a")
            return Attempt(event: event, failures: failures, returns: returns, redrives: 0, ordering: ordering)
        }
        #expect(attempt(0, .none).numberOnBus == number)
        #expect(attempt(4, .none).numberOnBus == 4 + number)
        #expect(attempt(0, .perKey).numberOnBus == 1, "all that was prefetched returns together")
        #expect(attempt(4, .perKey).numberOnBus == 5)
    }

    @Test func onAnOrderedQueueAReturnIsCountedByTheStoreOnly() {
        var scene = Scene(self.delivery("a", returns: 9), ordering: .perKey)
        #expect(scene.next() == "count a failures 0 lost 0 redrives 0 claim 1")
    }

    @Test func aCountedAttemptIsProcessed() {
        var scene = Scene(self.delivery("a", returns: 1))
        _ = scene.next()
        scene.batch.counted(3)
        #expect(scene.next() == "process a")
    }

    @Test func eachCountHasAClaimOfItsOwn() {
        var scene = Scene(self.delivery("a", returns: 1), self.delivery("b", returns: 1))
        #expect(scene.next() == "count a failures 0 lost 0 redrives 0 claim 1")
        scene.batch.counted(2)
        #expect(scene.next() == "count b failures 0 lost 0 redrives 0 claim 2")
        scene.batch.counted(2)
        #expect(scene.next() == "process a b")
    }

    @Test func aCountThatIsRepeatedKeepsItsClaim() {
        var scene = Scene(self.delivery("a", returns: 1))
        _ = scene.next()
        scene.batch.troubled(StoreTrouble(.away, Broken()), Self.moment())
        #expect(scene.batch.trouble?.cause is Broken)
        scene.batch.resume()
        #expect(scene.batch.trouble == nil)
        #expect(scene.next() == "count a failures 0 lost 0 redrives 0 claim 1")
    }

    // MARK: Attempts that are used up

    @Test func anAttemptTooManyIsLookedUp() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 1, firstAt: Self.time), returns: 2))
        _ = scene.next()
        scene.batch.counted(4)
        #expect(scene.next() == "look up a")
    }

    @Test func aMessageThatWasHandledIsDone() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 1, firstAt: Self.time)))
        _ = scene.next()
        scene.batch.counted(4)
        _ = scene.next()
        scene.batch.answered(isHandled: true)
        #expect(scene.next() == "a done")
        #expect(scene.next() == "finish")
    }

    @Test func aMessageWhoseAttemptsNeverEndedBecomesADeadLetter() {
        let failures = Failures(count: 1, firstAt: Date(timeIntervalSince1970: 3))
        var scene = Scene(self.delivery("a", failures: failures), self.delivery("b"))
        _ = scene.next()
        scene.batch.counted(4)
        _ = scene.next()
        scene.batch.answered(isHandled: false)
        let reason = "1 attempts failed; then 2 more were started and did not end"
        #expect(scene.next() == "a dead: \(reason), count 3 since 3.0")
        #expect(scene.next() == "process b")
    }

    @Test func anOutageDuringALookUpCountsAgain() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 1, firstAt: Self.time)))
        _ = scene.next()
        scene.batch.counted(4)
        _ = scene.next()
        scene.batch.troubled(StoreTrouble(.away, Broken()), Self.moment())
        scene.batch.resume()
        #expect(scene.next() == "count a failures 1 lost 0 redrives 0 claim 1")
    }

    @Test(arguments: [
        (1, 3, "process a"), (1, 4, "look up a"), (3, 3, "process a"), (3, 4, "look up a"), (5, 5, "process a"),
        (5, 6, "look up a"),
    ])
    func aReturnWithoutAFailureProvesNoStart(attempts: Int, number: Int, action: String) {
        var scene = Scene(self.delivery("a", returns: 1), attempts: attempts)
        _ = scene.next()
        scene.batch.counted(number)
        #expect(scene.next() == action)
    }

    @Test func afterAFailureThePolicyHoldsExactly() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 1, firstAt: Self.time)), attempts: 1)
        _ = scene.next()
        scene.batch.counted(2)
        #expect(scene.next() == "look up a")
    }

    @Test(arguments: [1, 5])
    func withoutAStoreThePolicyHoldsForWhatTheBusKnows(attempts: Int) {
        for (number, action) in [(attempts, "process a"), (attempts + 1, "look up a")] {
            var scene = Scene(self.delivery("a", returns: 3), attempts: attempts, countsAttempts: false)
            #expect(scene.next() == "count a failures 0 lost 1 redrives 0 claim 1")
            scene.batch.counted(number)
            #expect(scene.next() == action)
        }
    }
}
