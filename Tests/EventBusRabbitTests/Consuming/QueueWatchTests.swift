// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Looks at the queues of a subscription")
struct QueueWatchTests {
    @Test("Who stands by behind another consumer of an ordered queue, of which the broker counts one, misses nothing")
    func standby() {
        #expect(!QueueLooks.isAlone(.perKey, consumers: 1, arrived: 0))
        #expect(QueueLooks.isAlone(.perKey, consumers: 1, arrived: 1))
        #expect(QueueLooks.isAlone(.perKey, consumers: 0, arrived: 0))
        #expect(QueueLooks.isAlone(.none, consumers: 5, arrived: 0))
    }

    private static let start = NIODeadline.uptimeNanoseconds(0)

    private func at(_ seconds: Int64) -> NIODeadline { Self.start + .seconds(seconds) }

    private func situation(
        _ arrived: UInt64 = 0,
        isReceiving: Bool = false,
        hasRoom: Bool = true,
        quarantine: Bool = true
    ) -> QueueWatch.Situation {
        QueueWatch.Situation(
            arrived: arrived,
            isReceiving: isReceiving,
            hasRoom: hasRoom,
            looksAtQuarantine: quarantine
        )
    }

    /// The seconds at which the quarantine queue is looked at when every look finds it empty.
    private func looks(until end: Int64, _ arrived: (Int64) -> UInt64) -> [Int64] {
        var watch = QueueWatch(now: Self.start)
        var looks: [Int64] = []
        for second in 0...end {
            let due = watch.due(now: self.at(second), self.situation(arrived(second)))
            for _ in due { watch.answered() }
            guard due.contains(.quarantine) else { continue }
            looks.append(second)
            watch.sawQuarantine(isEmpty: true, now: self.at(second))
        }
        return looks
    }

    @Test("While the quarantine queue is empty the looks become rarer, down to one in 30 seconds")
    func rarer() {
        #expect(self.looks(until: 130) { _ in 0 } == [1, 3, 7, 15, 31, 61, 91, 121])
    }

    @Test("While deliveries arrive there is one look in 30 seconds")
    func busy() {
        #expect(self.looks(until: 100) { UInt64($0) } == [30, 60, 92])
        var watch = QueueWatch(now: Self.start)
        for second in 1..<30 as Range<Int64> {
            #expect(watch.due(now: self.at(second), self.situation(isReceiving: true)) == [])
        }
        #expect(watch.due(now: self.at(30), self.situation(isReceiving: true)) == [.quarantine])
    }

    @Test("When something was found, or this instance has moved something, the next look is a second later")
    func sooner() {
        for hasMoved in [false, true] {
            var watch = QueueWatch(now: Self.start)
            for second in [1, 3, 7] as [Int64] {
                #expect(watch.due(now: self.at(second), self.situation()) == [.quarantine])
                watch.answered()
                watch.sawQuarantine(isEmpty: true, now: self.at(second))
            }
            #expect(watch.next(watchesQuarantine: true) == self.at(15))
            #expect(watch.next(watchesQuarantine: false) == self.at(30))
            if hasMoved { watch.moved(now: self.at(8)) } else { watch.sawQuarantine(isEmpty: false, now: self.at(8)) }
            #expect(watch.next(watchesQuarantine: true) == self.at(9))
        }
    }

    @Test("Nothing is looked at without room, and no quarantine queue that is known to hold something")
    func notNow() {
        var watch = QueueWatch(now: Self.start)
        #expect(watch.due(now: self.at(1), self.situation(hasRoom: false)) == [])
        #expect(watch.due(now: self.at(2), self.situation(quarantine: false)) == [])
        #expect(watch.due(now: self.at(3), self.situation()) == [.quarantine])
        watch.answered()
        #expect(watch.due(now: self.at(30), self.situation(hasRoom: false, quarantine: false)) == [])
        #expect(watch.due(now: self.at(60), self.situation(quarantine: false)) == [.own])
    }

    @Test(
        "An answer may take as long as something else arrives, and 30 seconds without; meanwhile there is no other look"
    )
    func silence() {
        var watch = QueueWatch(now: Self.start)
        #expect((watch.isSilent(now: self.at(100), self.situation())) == false, "nothing was asked")
        #expect(watch.due(now: self.at(1), self.situation()) == [.quarantine])
        #expect(watch.due(now: self.at(2), self.situation()) == [])
        #expect(watch.due(now: self.at(31), self.situation()) == [])
        #expect((watch.isSilent(now: self.at(60), self.situation(1))) == false)
        #expect((watch.isSilent(now: self.at(100), self.situation(1, isReceiving: true))) == false)
        #expect((watch.isSilent(now: self.at(140), self.situation(1, hasRoom: false))) == false)
        #expect((watch.isSilent(now: self.at(169), self.situation(1))) == false)
        #expect((watch.isSilent(now: self.at(170), self.situation(1))) == true)
        watch.answered()
        #expect((watch.isSilent(now: self.at(300), self.situation(1))) == false)
        #expect(watch.due(now: self.at(301), self.situation(1)) == [.quarantine])
    }

    /// What the looks at 30, 60 and 90 seconds find when this many messages wait.
    private func standstills(
        _ messages: [Int],
        isAlone: Bool = true,
        _ situation: (Int) -> QueueWatch.Situation
    ) -> [QueueWatch.Standstill?] {
        var watch = QueueWatch(now: Self.start)
        return messages.indices.map { index in
            let now = self.at(Int64(index + 1) * 30)
            let due = watch.due(now: now, situation(index))
            for _ in due { watch.answered() }
            guard due.contains(.own) else { return nil }
            return watch.sawOwn(
                messages: messages[index],
                isAlone: isAlone,
                now: now,
                situation(index)
            )
        }
    }

    @Test("Messages that wait without a delivery from one look to the next are a standstill")
    func standstill() {
        let found = self.standstills([5, 6, 7]) { _ in self.situation() }
        #expect(found == [nil, .init(messages: 6, time: .seconds(30)), .init(messages: 7, time: .seconds(60))])
        #expect(found[2]?.description == "7 messages wait, and none has been delivered for 60 s")
    }

    /// What looks every 30 s tell of messages behind another consumer.
    private func untouched(_ messages: [Int], consumers: Int = 1, arrived: UInt64 = 0) -> [QueueWatch.Untouched?] {
        var watch = QueueWatch(now: Self.start)
        return messages.enumerated().map { number, count in
            let now = self.at(Int64(number) * 30)
            return watch.sawBehindOther(messages: count, consumers: consumers, now: now, self.situation(arrived))
        }
    }

    @Test("Messages behind another consumer are told of when their number has been the same for ten minutes")
    func behindOther() {
        let same = Array(repeating: 5, count: 21)
        let found = self.untouched(same)
        #expect(found.dropLast().allSatisfy { $0 == nil })
        #expect(found[20] == .init(messages: 5, time: .minutes(10)))
        let text = "5 messages have waited for 600 s behind another consumer, or RabbitMQ delivers them to nobody"
        #expect(found[20]?.description == text)
        var moved = same
        moved[10] = 6
        #expect(self.untouched(moved).allSatisfy { $0 == nil }, "somebody works on them")
        #expect(self.untouched(Array(repeating: 0, count: 21)).allSatisfy { $0 == nil })
        #expect(self.untouched(same, arrived: 1).allSatisfy { $0 == nil }, "this one is the active consumer")
        #expect(self.untouched(same, consumers: 0).allSatisfy { $0 == nil }, "that is a standstill")
    }

    @Test("It is none while something arrives, without room, or if another consumer may be the active one")
    func noStandstill() {
        let none: [QueueWatch.Standstill?] = [nil, nil, nil]
        #expect(self.standstills([5, 5, 5]) { self.situation(UInt64($0 + 1)) } == none)
        #expect(self.standstills([5, 5, 5]) { self.situation(hasRoom: $0 == 1) } == none)
        #expect(self.standstills([5, 5, 5], isAlone: false) { _ in self.situation() } == none)
        #expect(self.standstills([5, 0, 5]) { _ in self.situation() } == none)
    }

    @Test("In a cluster a standstill is found within ten seconds, and within four after the opening")
    func cluster() {
        for start in [0, 1] as [UInt64] {
            var watch = QueueWatch(.cluster, now: Self.start)
            var found: [Int64] = []
            for second in 0...12 as ClosedRange<Int64> {
                // In the second round something arrives in the first second, and nothing after that.
                let situation = self.situation(second == 0 ? 0 : start, quarantine: false)
                for look in watch.due(now: self.at(second), situation) {
                    #expect(look == .own)
                    watch.answered()
                    let standstill = watch.sawOwn(
                        messages: 5,
                        isAlone: true,
                        now: self.at(second),
                        situation
                    )
                    if standstill != nil { found.append(second) }
                }
            }
            #expect(found == (start == 0 ? [4, 6, 8, 10, 12] : [9, 11]))
        }
    }

    @Test("In a cluster a channel that does not answer the first look for five seconds is silent")
    func stuck() {
        var watch = QueueWatch(.cluster, now: Self.start)
        #expect(watch.due(now: self.at(0), self.situation(quarantine: false)) == [.own])
        #expect((watch.isSilent(now: self.at(4), self.situation())) == false)
        #expect((watch.isSilent(now: self.at(5), self.situation())) == true)
    }
}
