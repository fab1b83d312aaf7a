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
    struct Broken: Error {}

    static let time = Date(timeIntervalSince1970: 7)

    /// - Parameters:
    ///   - now: seconds.
    ///   - handled: how many messages have been handled.
    static func moment(_ now: Int = 0, handled: UInt64 = 0) -> StorePatience.Moment {
        StorePatience.Moment(now: .seconds(now), handled: handled)
    }

    /// A batch with the number of stamps that it has taken.
    struct Scene {
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

    func delivery(
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

    // MARK: Unknown events

    func unknown(_ id: String, since seconds: Double? = nil, failures: Int = 0, returns: Int = 0) -> Delivery {
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
}
