// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("In-flight batch")
struct InFlightBatchTests {
    private struct Broken: Error {}

    private static let time = Date(timeIntervalSince1970: 7)

    /// A batch with the number of stamps that it has taken.
    private struct Scene {
        var batch: InFlightBatch
        var stamps: UInt64 = 0

        init(
            _ deliveries: Delivery...,
            attempts: Int = 3,
            ordering: Ordering = .none
        ) {
            let jobs = deliveries.map { InFlightBatch.Job(delivery: $0, failures: $0.failures) }
            self.batch = InFlightBatch(jobs, retry: RetryPolicy(attempts: attempts), ordering: ordering)
        }

        /// What is to be done next, as a line of text.
        mutating func next() -> String {
            var stamps = self.stamps
            defer { self.stamps = stamps }
            let action = self.batch.next {
                stamps += 1
                return Stamp(id: Identifier(high: 0, low: stamps), time: InFlightBatchTests.time)
            }
            return switch action {
            case .count(let attempt, let claim):
                "count \(attempt.messageID) failures \(attempt.failures) returns \(attempt.returns) "
                    + "redrives \(attempt.redrives) claim \(claim.low)"
            case .lookUp(let id): "look up \(id)"
            case .process(let messages): "process \(messages.map(\.id).joined(separator: " "))"
            case .settle(let job, let decision): "\(job.delivery.message.id) \(Self.text(decision))"
            case .finish: "finish"
            }
        }

        private static func text(_ decision: InFlightBatch.Decision) -> String {
            func text(_ failures: Failures) -> String {
                "count \(failures.count) since \(failures.firstAt?.timeIntervalSince1970 ?? -1)"
            }
            return switch decision {
            case .done: "done"
            case .retry(let delay, let failures, _): "retry after \(delay), \(text(failures))"
            case .hold(let delay, let failures, _): "hold for \(delay), \(text(failures))"
            case .deadLetter(let reason, let failures): "dead: \(reason), \(text(failures))"
            }
        }
    }

    private func delivery(
        _ id: String,
        failures: Failures = Failures(),
        returns: Int = 0,
        redrives: Int = 0
    ) -> Delivery {
        Delivery(
            id: Delivery.ID(generation: 1, tag: 1),
            message: Message(id: id, topic: "t", time: Self.time, body: []),
            failures: failures,
            returns: returns,
            redrives: redrives
        )
    }

    // MARK: Counting

    @Test func aFirstAttemptIsProcessedWithoutACount() {
        var scene = Scene(self.delivery("a"))
        #expect(scene.next() == "process a")
        #expect(scene.stamps == 0)
        #expect(!scene.batch.hasReturned)
    }

    @Test func aLaterAttemptIsCountedWithWhatIsKnown() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 2, firstAt: Self.time), returns: 3, redrives: 4))
        #expect(scene.next() == "count a failures 2 returns 3 redrives 4 claim 1")
        #expect(scene.batch.hasReturned)
    }

    @Test func onAnOrderedQueueReturnsCountOnce() {
        var scene = Scene(self.delivery("a", returns: 9), ordering: .perKey)
        #expect(scene.next() == "count a failures 0 returns 1 redrives 0 claim 1")
    }

    @Test func aCountedAttemptIsProcessed() {
        var scene = Scene(self.delivery("a", returns: 1))
        _ = scene.next()
        scene.batch.counted(3)
        #expect(scene.next() == "process a")
    }

    @Test func eachCountHasAClaimOfItsOwn() {
        var scene = Scene(self.delivery("a", returns: 1), self.delivery("b", returns: 1))
        #expect(scene.next() == "count a failures 0 returns 1 redrives 0 claim 1")
        scene.batch.counted(2)
        #expect(scene.next() == "count b failures 0 returns 1 redrives 0 claim 2")
        scene.batch.counted(2)
        #expect(scene.next() == "process a b")
    }

    @Test func aCountThatIsRepeatedKeepsItsClaim() {
        var scene = Scene(self.delivery("a", returns: 1))
        _ = scene.next()
        scene.batch.storeUnavailable(Broken())
        #expect(scene.batch.outage is Broken)
        scene.batch.resume()
        #expect(scene.batch.outage == nil)
        #expect(scene.next() == "count a failures 0 returns 1 redrives 0 claim 1")
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
        #expect(scene.next() == "a dead: 3 attempts were started and none of them ended, count 3 since 3.0")
        #expect(scene.next() == "process b")
    }

    @Test func anOutageDuringALookUpCountsAgain() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 1, firstAt: Self.time)))
        _ = scene.next()
        scene.batch.counted(4)
        _ = scene.next()
        scene.batch.storeUnavailable(Broken())
        scene.batch.resume()
        #expect(scene.next() == "count a failures 1 returns 0 redrives 0 claim 1")
    }

    @Test(arguments: [
        (1, 2, "process a"), (1, 3, "look up a"), (2, 2, "process a"), (3, 3, "process a"), (3, 4, "look up a"),
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

    // MARK: Results

    @Test func whatIsDoneIsSettledInOrder() {
        var scene = Scene(self.delivery("a"), self.delivery("b"))
        #expect(scene.next() == "process a b")
        scene.batch.processed(.done)
        #expect(scene.next() == "a done")
        #expect(scene.next() == "b done")
        #expect(scene.next() == "finish")
        #expect(scene.stamps == 0)
    }

    @Test func aFailureIsRetriedAfterTheDelayOfThePolicy() {
        var scene = Scene(self.delivery("a"))
        _ = scene.next()
        scene.batch.processed(.failed(Broken()))
        #expect(scene.next() == "a retry after 1.0 seconds, count 1 since 7.0")
        #expect(scene.stamps == 1)
    }

    @Test func aSecondFailureKeepsTheTimeOfTheFirst() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 1, firstAt: Date(timeIntervalSince1970: 3))))
        _ = scene.next()
        scene.batch.counted(2)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()))
        #expect(scene.next() == "a retry after 5.0 seconds, count 2 since 3.0")
        #expect(scene.stamps == 1)
    }

    @Test func onAnOrderedQueueAFailureIsHeld() {
        var scene = Scene(self.delivery("a"), ordering: .perKey)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()))
        #expect(scene.next() == "a hold for 1.0 seconds, count 1 since 7.0")
    }

    @Test func anOrderedFailureIsHeldForTenMinutesAtMost() {
        let failures = Failures(count: 5, firstAt: Self.time)
        var scene = Scene(self.delivery("a", failures: failures), attempts: 9, ordering: .perKey)
        _ = scene.next()
        scene.batch.counted(6)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()))
        #expect(scene.next() == "a hold for 600.0 seconds, count 6 since 7.0")
    }

    @Test(arguments: [Ordering.none, .perKey])
    func theLastFailureIsADeadLetter(ordering: Ordering) {
        var scene = Scene(self.delivery("a"), attempts: 1, ordering: ordering)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()))
        #expect(scene.next() == "a dead: Broken: Broken(), count 1 since 7.0")
    }

    @Test func poisonIsADeadLetterAtOnce() {
        var scene = Scene(self.delivery("a"))
        _ = scene.next()
        scene.batch.processed(.poison(reason: "no handler"))
        #expect(scene.next() == "a dead: no handler, count 1 since 7.0")
    }

    @Test func aReasonHasAThousandCharactersAtMost() {
        var scene = Scene(self.delivery("a"))
        _ = scene.next()
        scene.batch.processed(.poison(reason: String(repeating: "x", count: 1001)))
        #expect(scene.next() == "a dead: \(String(repeating: "x", count: 1000)), count 1 since 7.0")
    }

    @Test(arguments: [false, true])
    func aGroupThatFailsIsHandledOneByOne(isPoison: Bool) {
        var scene = Scene(self.delivery("a"), self.delivery("b"), self.delivery("c"))
        #expect(scene.next() == "process a b c")
        scene.batch.processed(isPoison ? .poison(reason: "no handler") : .failed(Broken()))
        #expect(scene.next() == "process a")
        scene.batch.processed(.done)
        #expect(scene.next() == "a done")
        #expect(scene.next() == "process b")
        scene.batch.processed(.failed(Broken()))
        #expect(scene.next() == "b retry after 1.0 seconds, count 1 since 7.0")
        #expect(scene.next() == "process c")
    }

    @Test func anOutageRepeatsTheSameStep() {
        var scene = Scene(self.delivery("a"), self.delivery("b"))
        _ = scene.next()
        scene.batch.processed(.storeUnavailable(Broken()))
        #expect(scene.batch.outage is Broken)
        scene.batch.resume()
        #expect(scene.batch.outage == nil)
        #expect(scene.next() == "process a b")
    }

    @Test func anEmptyBatchIsFinished() {
        var scene = Scene()
        #expect(scene.next() == "finish")
        #expect(!scene.batch.hasReturned)
    }
}
