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

    /// - Parameters:
    ///   - now: seconds.
    ///   - handled: how many messages have been handled.
    private static func moment(_ now: Int = 0, handled: UInt64 = 0) -> StorePatience.Moment {
        StorePatience.Moment(now: .seconds(now), handled: handled)
    }

    /// A batch with the number of stamps that it has taken.
    private struct Scene {
        var batch: InFlightBatch
        var stamps: UInt64 = 0

        init(
            _ deliveries: Delivery...,
            attempts: Int = 3,
            ordering: Ordering = .none,
            unknown: UnknownEvents = .retry,
            countsAttempts: Bool = true
        ) {
            let jobs = deliveries.map { InFlightBatch.Job(delivery: $0, failures: $0.failures) }
            self.batch = InFlightBatch(
                jobs,
                options: ConsumerOptions(
                    ordering: ordering,
                    retry: RetryPolicy(attempts: attempts, cap: .seconds(86_400)),
                    unknownEvents: unknown
                ),
                countsAttempts: countsAttempts,
                misfit: { $0.headers["unknown"] == nil ? nil : .unknown(reason: "nobody knows \($0.id)") }
            )
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
                "count \(attempt.event.id) failures \(attempt.failures) lost \(attempt.lostStarts) "
                    + "redrives \(attempt.redrives) claim \(claim.low)"
            case .lookUp(let event): "look up \(event.id)"
            case .process(let messages): "process \(messages.map(\.id).joined(separator: " "))"
            case .settle(let job, let decision): "\(job.delivery.message.id) \(Self.text(decision))"
            case .finish: "finish"
            }
        }

        /// Tries that collide with another transaction.
        mutating func conflict(times: Int) {
            for _ in 0..<times {
                _ = self.next()
                let trouble = StoreTrouble(.contended, Broken())
                self.batch.processed(.troubled(trouble), InFlightBatchTests.moment())
                self.batch.resume()
            }
        }

        private static func text(_ decision: InFlightBatch.Decision) -> String {
            func text(_ failures: Failures) -> String {
                "count \(failures.count) since \(failures.firstAt?.timeIntervalSince1970 ?? -1)"
            }
            return switch decision {
            case .done: "done"
            case .retry(let delay, let failures): "retry after \(delay), \(text(failures))"
            case .hold(let delay, let failures): "hold for \(delay), \(text(failures))"
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

    // MARK: Results

    @Test func whatIsDoneIsSettledInOrder() {
        var scene = Scene(self.delivery("a"), self.delivery("b"))
        #expect(scene.next() == "process a b")
        scene.batch.processed(.done, Self.moment())
        #expect(scene.next() == "a done")
        #expect(scene.next() == "b done")
        #expect(scene.next() == "finish")
        #expect(scene.stamps == 0)
    }

    @Test func aFailureIsRetriedAfterTheDelayOfThePolicy() {
        var scene = Scene(self.delivery("a"))
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "a retry after 1.0 seconds, count 1 since 7.0")
        #expect(scene.stamps == 1)
    }

    @Test func aSecondFailureKeepsTheTimeOfTheFirst() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 1, firstAt: Date(timeIntervalSince1970: 3))))
        _ = scene.next()
        scene.batch.counted(2)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "a retry after 10.0 seconds, count 2 since 3.0")
        #expect(scene.stamps == 1)
    }

    @Test func onAnOrderedQueueAFailureIsHeld() {
        var scene = Scene(self.delivery("a"), ordering: .perKey)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "a hold for 1.0 seconds, count 1 since 7.0")
    }

    @Test func anOrderedFailureIsHeldForTenMinutesAtMost() {
        let failures = Failures(count: 5, firstAt: Self.time)
        var scene = Scene(self.delivery("a", failures: failures), attempts: 9, ordering: .perKey)
        _ = scene.next()
        scene.batch.counted(6)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "a hold for 600.0 seconds, count 6 since 7.0")
    }

    @Test(arguments: [Ordering.none, .perKey])
    func theLastFailureIsADeadLetter(ordering: Ordering) {
        var scene = Scene(self.delivery("a"), attempts: 1, ordering: ordering)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "look up a", "a copy of it may have been handled")
        scene.batch.answered(isHandled: false)
        #expect(scene.next() == "a dead: Broken, count 1 since 7.0")
    }

    @Test func theLastFailureOfAMessageThatWasHandledIsNoDeadLetter() {
        var scene = Scene(self.delivery("a"), attempts: 1)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        _ = scene.next()
        scene.batch.answered(isHandled: true)
        #expect(scene.next() == "a done")
    }

    @Test func theLookBeforeADeadLetterIsRepeatedWhenTheStoreIsAway() {
        var scene = Scene(self.delivery("a"), attempts: 1)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        _ = scene.next()
        scene.batch.troubled(StoreTrouble(.away, Broken()), Self.moment())
        #expect(scene.batch.trouble != nil)
        scene.batch.resume()
        #expect(scene.next() == "look up a")
    }

    @Test func poisonIsADeadLetterAtOnce() {
        var scene = Scene(self.delivery("a"))
        _ = scene.next()
        scene.batch.processed(.poison(reason: "no handler"), Self.moment())
        #expect(scene.next() == "a dead: no handler, count 1 since 7.0")
    }

    @Test func aReasonHasAThousandCharactersAtMost() {
        var scene = Scene(self.delivery("a"))
        _ = scene.next()
        scene.batch.processed(.poison(reason: String(repeating: "x", count: 1001)), Self.moment())
        #expect(scene.next() == "a dead: \(String(repeating: "x", count: 1000)), count 1 since 7.0")
    }

    @Test(arguments: [false, true])
    func aGroupThatFailsIsHandledOneByOne(isPoison: Bool) {
        var scene = Scene(self.delivery("a"), self.delivery("b"), self.delivery("c"))
        #expect(scene.next() == "process a b c")
        scene.batch.processed(isPoison ? .poison(reason: "no handler") : .failed(Broken()), Self.moment())
        #expect(scene.next() == "process a")
        scene.batch.processed(.done, Self.moment())
        #expect(scene.next() == "a done")
        #expect(scene.next() == "process b")
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "b retry after 1.0 seconds, count 1 since 7.0")
        #expect(scene.next() == "process c")
    }

    @Test func anOutageRepeatsTheSameStep() {
        var scene = Scene(self.delivery("a"), self.delivery("b"))
        _ = scene.next()
        scene.batch.processed(.troubled(StoreTrouble(.away, Broken())), Self.moment())
        #expect(scene.batch.trouble?.cause is Broken)
        scene.batch.resume()
        #expect(scene.batch.trouble == nil)
        #expect(scene.next() == "process a b")
    }

    @Test func anEmptyBatchIsFinished() {
        var scene = Scene()
        #expect(scene.next() == "finish")
        #expect(!scene.batch.isSuspect)
    }

    // MARK: Trouble with the store

    @Test func anOutageUsesUpNoAttemptHoweverLongItLasts() {
        var scene = Scene(self.delivery("a"))
        for try_ in 0..<1000 {
            #expect(scene.next() == "process a")
            scene.batch.processed(.troubled(StoreTrouble(.away, Broken())), Self.moment(try_ * 60))
            scene.batch.resume()
        }
        #expect(scene.next() == "process a")
    }

    @Test(arguments: [StoreTrouble.Kind.away, .slow])
    func nothingIsAnOutageWhileOthersSucceed(kind: StoreTrouble.Kind) {
        var scene = Scene(self.delivery("a"))
        for handled: UInt64 in 0..<4 {
            #expect(scene.batch.trouble == nil)
            #expect(scene.next() == "process a")
            scene.batch.processed(.troubled(StoreTrouble(kind, Broken())), Self.moment(handled: handled))
            if handled < 3 { scene.batch.resume() }
        }
        #expect(scene.batch.trouble == nil)
        #expect(scene.next() == "look up a", "the last commit may have taken effect")
        scene.batch.answered(isHandled: false)
        #expect(scene.next() == "a retry after 1.0 seconds, count 1 since 7.0")
    }

    @Test func aCommitInDoubtThatTookEffectIsNoFailure() {
        var scene = Scene(self.delivery("a"), self.delivery("b"))
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        scene.conflict(times: 4)
        #expect(scene.next() == "look up a")
        scene.batch.answered(isHandled: true)
        #expect(scene.next() == "a done")
        #expect(scene.next() == "process b")
    }

    @Test func aSlowStoreIsWaitedForFiveMinutes() {
        var scene = Scene(self.delivery("a"))
        for second in [0, 100, 299, 300] {
            #expect(scene.next() == "process a")
            scene.batch.processed(.troubled(StoreTrouble(.slow, Broken())), Self.moment(second))
            scene.batch.resume()
        }
        #expect(scene.next() == "look up a")
        scene.batch.answered(isHandled: false)
        #expect(scene.next() == "a retry after 1.0 seconds, count 1 since 7.0")
    }

    @Test func aShortConflictUsesUpNoAttempt() {
        var scene = Scene(self.delivery("a"))
        for _ in 0..<3 {
            _ = scene.next()
            scene.batch.processed(.troubled(StoreTrouble(.contended, Broken())), Self.moment())
            #expect(scene.batch.trouble?.kind == .contended)
            scene.batch.resume()
        }
        _ = scene.next()
        scene.batch.processed(.troubled(StoreTrouble(.contended, Broken())), Self.moment())
        #expect(scene.next() == "look up a")
        scene.batch.answered(isHandled: false)
        #expect(scene.next() == "a retry after 1.0 seconds, count 1 since 7.0")
    }

    @Test func aGroupInTroubleIsSplit() {
        var scene = Scene(self.delivery("a"), self.delivery("b"))
        scene.conflict(times: 4)
        #expect(scene.next() == "process a")
        scene.conflict(times: 1)
        #expect(scene.next() == "process a")
        scene.batch.processed(.done, Self.moment())
        #expect(scene.next() == "a done")
        #expect(scene.next() == "process b")
    }

    @Test func anAttemptThatCannotBeCountedWhileOthersSucceedIsCountedByTheBus() {
        var scene = Scene(self.delivery("a", failures: Failures(count: 1, firstAt: Self.time), returns: 3))
        for handled: UInt64 in 0..<4 {
            #expect(scene.next() == "count a failures 1 lost 1 redrives 0 claim 1")
            scene.batch.troubled(StoreTrouble(.away, Broken()), Self.moment(handled: handled))
            scene.batch.resume()
        }
        #expect(scene.next() == "process a")
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "look up a")
        scene.batch.answered(isHandled: false)
        #expect(scene.next() == "a dead: Broken, count 3 since 7.0")
    }

    // MARK: Unknown events

    private func unknown(_ id: String, since seconds: Double? = nil, failures: Int = 0, returns: Int = 0) -> Delivery {
        var message = self.delivery(id).message
        message.headers["unknown"] = .bool(true)
        return Delivery(
            id: Delivery.ID(generation: 1, tag: 1),
            message: message,
            failures: Failures(count: failures, firstAt: seconds.map(Date.init(timeIntervalSince1970:))),
            returns: returns
        )
    }

    @Test func anUnknownEventIsRetriedAndUsesUpNoAttempt() {
        var scene = Scene(self.delivery("a"), self.unknown("b", since: 3, failures: 2, returns: 5))
        #expect(!scene.batch.isSuspect, "it is not started")
        #expect(scene.next() == "b retry after 1.0 seconds, count 2 since 3.0")
        #expect(scene.next() == "process a")
    }

    @Test func anUnknownEventIsNewAtFirst() {
        var scene = Scene(self.unknown("a"))
        #expect(scene.next() == "a retry after 1.0 seconds, count 0 since 7.0")
        #expect(scene.next() == "finish")
    }

    @Test(arguments: [(1.0, 1.0), (11, 1), (12, 10), (130, 10), (131, 120), (86399, 120)])
    func anUnknownEventWaitsLongerAndLonger(age: Double, delay: Double) {
        var scene = Scene(self.unknown("a", since: 7 - age))
        #expect(scene.next() == "a retry after \(delay) seconds, count 0 since \(7 - age)")
    }

    @Test func anUnknownEventBecomesADeadLetterAfterADay() {
        var scene = Scene(self.unknown("a", since: 7 - 86400))
        #expect(scene.next() == "look up a", "a newer version may have handled it")
        scene.batch.answered(isHandled: false)
        #expect(scene.next() == "a dead: nobody knows a, count 0 since -86393.0")
    }

    @Test func anUnknownEventOfAnOrderedSubscriptionKeepsItsPlace() {
        var scene = Scene(self.unknown("a", since: 7 - 899), ordering: .perKey)
        #expect(scene.next() == "a hold for 10.0 seconds, count 0 since -892.0")
        scene = Scene(self.unknown("a", since: 7 - 900), ordering: .perKey)
        #expect(scene.next() == "look up a", "a newer version may have handled it")
        scene.batch.answered(isHandled: false)
        #expect(scene.next() == "a dead: nobody knows a, count 0 since -893.0")
    }

    @Test func unknownEventsCanBeIgnoredOrDeadLetteredAtOnce() {
        var scene = Scene(self.unknown("a"), unknown: .ignore)
        #expect(scene.next() == "a done")
        scene = Scene(self.unknown("a"), unknown: .deadLetter)
        #expect(scene.next() == "look up a", "a newer version may have handled it")
        scene.batch.answered(isHandled: false)
        #expect(scene.next() == "a dead: nobody knows a, count 0 since 7.0")
    }

    @Test func anUnknownEventThatWasHandledIsNoDeadLetter() {
        var scene = Scene(self.unknown("a"), self.unknown("b"), unknown: .deadLetter)
        _ = scene.next()
        scene.batch.answered(isHandled: true)
        #expect(scene.next() == "a done")
        #expect(scene.next() == "look up b")
    }

    @Test(arguments: [1.76e18, -1.76e18, .infinity])
    func theTimeOfTheFirstFailureCanBeAnything(seconds: Double) {
        var scene = Scene(self.unknown("a", since: seconds))
        #expect(scene.next().isEmpty == false)
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

    @Test func eachKindOfTroubleHasItsOwnLimit() {
        var scene = Scene(self.delivery("a"))
        for second in [0, 200, 400] {
            _ = scene.next()
            scene.batch.processed(.troubled(StoreTrouble(.away, Broken())), Self.moment(second))
            scene.batch.resume()
        }
        _ = scene.next()
        scene.batch.processed(.troubled(StoreTrouble(.slow, Broken())), Self.moment(600))
        #expect(scene.batch.trouble != nil, "it is slow since now only")
        scene.batch.resume()
        scene.conflict(times: 3)
        #expect(scene.next() == "process a")
    }

    // MARK: What is held

    @Test func whatIsHeldInAnOutageIsUnfinished() {
        var scene = Scene(self.delivery("a"), self.delivery("b"))
        #expect(scene.next() == "process a b")
        scene.batch.processed(.troubled(StoreTrouble(.away, Broken())), Self.moment())
        #expect(scene.batch.unfinished.count == 2)
        scene = Scene(self.delivery("a"), self.delivery("b", returns: 1))
        _ = scene.next()
        scene.batch.troubled(StoreTrouble(.away, Broken()), Self.moment())
        #expect(scene.batch.unfinished.count == 2, "one is to be handled, the other is not counted yet")
        scene = Scene(self.unknown("a"), unknown: .deadLetter)
        _ = scene.next()
        scene.batch.troubled(StoreTrouble(.away, Broken()), Self.moment())
        #expect(scene.batch.unfinished.count == 1)
    }

    @Test func whatHasFailedOrIsSettledIsNotUnfinished() {
        var scene = Scene(self.delivery("a"), self.delivery("b"), self.delivery("c"), attempts: 1)
        _ = scene.next()
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "process a")
        scene.batch.processed(.done, Self.moment())
        #expect(scene.next() == "a done")
        #expect(scene.next() == "process b")
        scene.batch.processed(.failed(Broken()), Self.moment())
        #expect(scene.next() == "look up b")
        scene.batch.troubled(StoreTrouble(.away, Broken()), Self.moment())
        #expect(scene.batch.unfinished.count == 1, "only c: the attempt to handle b has failed")
    }

    // MARK: What has begun

    @Test func aBatchIsUntouchedUntilItsFirstStep() {
        var scene = Scene(self.delivery("a"), self.unknown("b"))
        #expect(!scene.batch.hasBegun && scene.batch.untouched.count == 2)
        _ = scene.next()
        #expect(scene.batch.hasBegun && scene.batch.untouched.isEmpty)
    }

    @Test func onlyTheSecondReturnMakesASuspect() {
        #expect(!Scene(self.delivery("a", returns: 1)).batch.isSuspect)
        #expect(Scene(self.delivery("a", returns: 2)).batch.isSuspect)
    }
}
