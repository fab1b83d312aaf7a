// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Retry queues that are declared when they are needed")
struct RetryQueuesTests {
    private var queues = RetryQueues(delays: [.seconds(1), .seconds(10), .seconds(120)], settling: .seconds(5))

    private static func time(_ seconds: Int) -> NIODeadline { .uptimeNanoseconds(UInt64(seconds) * 1_000_000_000) }

    private mutating func add(_ tag: UInt64, after seconds: Int, at time: Int = 0) {
        self.queues.add(tag, after: .seconds(seconds), now: Self.time(time))
    }

    @discardableResult
    private mutating func answered(_ seconds: Int, _ answer: RetryQueues.Answer, at time: Int = 0) -> Bool {
        self.queues.answered(.seconds(seconds), answer, now: Self.time(time))
    }

    /// What can be sent, as "tag after delay" or "tag to the end" of the own queue, and the delays that are asked for.
    private mutating func next(at time: Int = 0) -> [String] {
        let (sends, declares) = self.queues.next(now: Self.time(time))
        let sent = sends.map { tag, delay in
            if let delay { "\(tag) after \(delay.components.seconds)" } else { "\(tag) to the end" }
        }
        return sent + declares.map { "declare \($0.components.seconds)" }
    }

    @Test("Nothing is declared before a message needs it, and then once")
    mutating func once() {
        #expect(self.next() == [])
        for tag in 1...3 as ClosedRange<UInt64> { self.add(tag, after: 10) }
        #expect(self.next() == ["declare 10"])
        self.add(4, after: 10)
        #expect(self.next() == [])
        #expect(!self.queues.isEmpty)
        self.answered(10, .exists)
        #expect(self.next() == ["1 after 10", "2 after 10", "3 after 10", "4 after 10"])
        #expect(self.queues.isEmpty)
        self.add(5, after: 10)
        #expect(self.next() == ["5 after 10"])
        #expect(self.queues.deadline == nil)
    }

    @Test("A queue that was just created is not used before it has settled; others are")
    mutating func settling() {
        self.add(1, after: 1)
        self.add(2, after: 120)
        #expect(self.next() == ["declare 1", "declare 120"])
        #expect(self.answered(1, .created) == true)
        #expect(self.answered(120, .exists) == false)
        #expect(self.next() == ["2 after 120"])
        self.queues.settled(.seconds(1))
        #expect(self.next() == ["1 after 1"])
    }

    @Test("Messages may wait for a queue that is asked for or settles, and not for one that cannot be used")
    mutating func longestWait() {
        self.queues = RetryQueues(delays: [.seconds(1)], settling: .seconds(5))
        #expect(self.queues.longestWait == .zero)
        self.add(1, after: 1)
        _ = self.next()
        #expect(self.queues.longestWait == .seconds(5))
        self.answered(1, .created)
        #expect(self.queues.longestWait == .seconds(5))
        self.queues.stop()
        #expect(self.queues.longestWait == .zero)
        self.queues = RetryQueues(delays: [.seconds(1)], settling: .seconds(5))
        self.add(1, after: 1)
        _ = self.next()
        self.answered(1, .unusable(reason: "no right"))
        #expect(self.queues.longestWait == .zero)
    }

    @Test("A queue that cannot be used is replaced by that of the nearest delay until it can be used")
    mutating func replaced() {
        self.add(1, after: 1)
        _ = self.next()
        self.answered(1, .unusable(reason: "no right"))
        #expect(self.next() == ["declare 10"])
        self.add(2, after: 120)
        self.answered(10, .exists)
        #expect(self.next() == ["1 after 10", "declare 120"])
        self.answered(120, .created)
        self.add(3, after: 1)
        #expect(self.next() == ["3 after 10"])
        // While it is asked for again nothing waits for it.
        self.add(4, after: 1, at: 1)
        #expect(self.next(at: 1) == ["4 after 10", "declare 1"])
        self.add(5, after: 1, at: 2)
        #expect(self.next(at: 2) == ["5 after 10"])
        // An answer that was lost may have been that it was created.
        #expect(self.answered(1, .exists, at: 3) == true)
        self.add(6, after: 1, at: 3)
        #expect(self.next(at: 3) == [])
        self.queues.settled(.seconds(1))
        #expect(self.next(at: 3) == ["6 after 1"])
    }

    @Test("A queue that cannot be used is asked for again after longer and longer pauses, of half a minute at most")
    mutating func pauses() {
        self.queues = RetryQueues(delays: [.seconds(1)], settling: .seconds(5))
        var time = 0
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            self.add(UInt64(time), after: 1, at: time)
            let now = self.next(at: time)
            #expect(now.contains("declare 1"))
            self.answered(1, .unusable(reason: "no right"), at: time)
            let before = self.next(at: time + pause - 1)
            #expect(!before.contains("declare 1"))
            time += pause
        }
    }

    @Test("A delay of more than two minutes and ten times the length is no replacement")
    mutating func longer() {
        self.queues = RetryQueues(delays: [.seconds(1), .seconds(600), .seconds(3600)], settling: .seconds(5))
        self.add(1, after: 600)
        _ = self.next()
        self.answered(600, .exists)
        #expect(self.next() == ["1 after 600"])
        self.add(2, after: 1)
        #expect(self.next() == ["declare 1"])
        // This may last for a moment only.
        self.answered(1, .unusable(reason: "not connected"))
        #expect(self.next() == [])
        self.add(3, after: 3600)
        _ = self.next()
        self.answered(3600, .unusable(reason: "no right"))
        #expect(self.next() == ["3 after 600"])
    }

    @Test("If no queue can be used a message is to come back half a minute later, and makes room for others")
    mutating func none() {
        self.add(1, after: 120)
        for time in 0...1 {
            for delay in [120, 10, 1] {
                #expect(self.next(at: time) == ["declare \(delay)"])
                self.answered(delay, .unusable(reason: "no \(delay)"), at: time)
            }
            #expect(self.next(at: time) == [])
            #expect(!self.queues.isEmpty)
            #expect(self.queues.deadline == Self.time(time == 0 ? 1 : 3))
        }
        self.add(2, after: 120, at: 2)
        #expect(self.next(at: 34) == ["declare 120"])
        #expect(self.queues.deadline == Self.time(35))
        #expect(self.next(at: 35) == ["1 to the end"])
        #expect(self.queues.deadline == Self.time(37))
        #expect(self.answered(120, .exists, at: 36) == true)
        self.queues.settled(.seconds(120))
        #expect(self.next(at: 36) == ["2 after 120"])
    }

    @Test("If the broker does not answer a message is to come back half a minute later as well")
    mutating func unanswered() {
        self.add(1, after: 1)
        #expect(self.next() == ["declare 1"])
        #expect(self.queues.deadline == Self.time(35))
        #expect(self.next(at: 35) == ["1 to the end"])
        self.add(2, after: 1, at: 36)
        #expect(self.next(at: 36) == [])
    }

    @Test("After a stop nothing waits for a new queue, or for longer than two seconds for an answer")
    mutating func stopped() {
        self.add(1, after: 10)
        _ = self.next()
        self.answered(10, .created)
        self.queues.stop()
        #expect(self.next() == ["1 to the end"])
        self.add(2, after: 10, at: 1)
        self.add(3, after: 1, at: 1)
        // It will nearly always be there.
        #expect(self.next(at: 1) == ["2 to the end", "declare 1"])
        #expect(self.queues.deadline == Self.time(3))
        #expect(self.next(at: 2) == [])
        #expect(self.next(at: 3) == ["3 to the end"])
        self.answered(1, .exists, at: 4)
        self.add(4, after: 1, at: 4)
        #expect(self.next(at: 4) == ["4 after 1"])
        self.add(5, after: 120, at: 5)
        #expect(self.next(at: 5) == ["declare 120"])
        self.answered(120, .unusable(reason: "no right"), at: 5)
        #expect(self.next(at: 5) == ["5 to the end"])
        #expect(self.queues.isEmpty)
    }

    @Test("What cannot be used is told until it can, and that nothing can as long as messages wait")
    mutating func trouble() {
        #expect(self.queues.trouble == .init())
        for delay in [120, 10, 1] { self.add(UInt64(delay), after: delay) }
        _ = self.next()
        self.answered(10, .unusable(reason: "no 10"))
        self.answered(1, .unusable(reason: "no 1"))
        #expect(self.queues.trouble == .init(reasons: ["no 1", "no 10"], isTotal: false))
        self.answered(120, .unusable(reason: "no 120"))
        let total = RetryQueues.Trouble(reasons: ["no 1", "no 10", "no 120"], isTotal: true)
        #expect(self.queues.trouble == total)
        #expect(self.next(at: 30) == ["declare 1", "declare 10", "declare 120"])
        #expect(self.queues.trouble == total)
        _ = self.next(at: 35)
        #expect(self.queues.isEmpty)
        #expect(self.queues.trouble == .init(reasons: total.reasons, isTotal: false))
        self.answered(10, .created, at: 36)
        #expect(self.queues.trouble == .init(reasons: ["no 1", "no 120"], isTotal: false))
        self.answered(1, .exists, at: 36)
        self.answered(120, .exists, at: 36)
        #expect(self.queues.trouble == .init())
    }

    @Test("How many wait for longer than expected, and since when, is known")
    mutating func counted() {
        #expect(self.queues.oldest == nil)
        self.add(1, after: 10, at: 0)
        self.add(2, after: 1, at: 2)
        self.add(3, after: 10, at: 4)
        _ = self.next()
        #expect(self.queues.oldest == Self.time(5))
        let counts = [4, 5, 7, 9].map { self.queues.count(until: Self.time($0)) }
        #expect(counts == [0, 1, 2, 3])
        self.answered(10, .exists)
        _ = self.next()
        #expect(self.queues.oldest == Self.time(7))
        #expect(self.queues.count(until: Self.time(9)) == 1)
    }
}
