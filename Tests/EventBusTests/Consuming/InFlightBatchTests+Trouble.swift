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
