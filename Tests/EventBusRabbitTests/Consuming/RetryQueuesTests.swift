// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("Retry queues that are declared when they are needed")
struct RetryQueuesTests {
    private var queues = RetryQueues(delays: [.seconds(1), .seconds(10), .seconds(120)])

    /// What can be sent, as "tag after delay", and the delays that are asked for.
    private mutating func next() -> [String] {
        let (sends, declares) = self.queues.next()
        return sends.map { "\($0.tag) after \($0.delay.components.seconds)" }
            + declares.map { "declare \($0.components.seconds)" }
    }

    @Test("Nothing is declared before a message needs it, and then once")
    mutating func once() {
        #expect(self.next() == [])
        for tag in 1...3 as ClosedRange<UInt64> { self.queues.add(tag, after: .seconds(10)) }
        #expect(self.next() == ["declare 10"])
        self.queues.add(4, after: .seconds(10))
        #expect(self.next() == [])
        #expect(self.queues.isAsking && !self.queues.isEmpty)
        self.queues.answered(.seconds(10), .exists)
        #expect(self.next() == ["1 after 10", "2 after 10", "3 after 10", "4 after 10"])
        #expect(!self.queues.isAsking && self.queues.isEmpty)
        self.queues.add(5, after: .seconds(10))
        #expect(self.next() == ["5 after 10"])
    }

    @Test("A queue that was just created is not used before it has settled; others are")
    mutating func settling() {
        self.queues.add(1, after: .seconds(1))
        self.queues.add(2, after: .seconds(120))
        #expect(self.next() == ["declare 1", "declare 120"])
        self.queues.answered(.seconds(1), .created)
        self.queues.answered(.seconds(120), .exists)
        #expect(self.next() == ["2 after 120"])
        #expect(!self.queues.isAsking && !self.queues.isEmpty)
        self.queues.settled(.seconds(1))
        #expect(self.next() == ["1 after 1"])
    }

    @Test("A queue that cannot be used is replaced by that of the nearest delay")
    mutating func replaced() {
        self.queues.add(1, after: .seconds(1))
        _ = self.next()
        self.queues.answered(.seconds(1), .unusable(reason: "no right"))
        #expect(self.queues.problems == ["no right"])
        #expect(self.next() == ["declare 10"])
        self.queues.add(2, after: .seconds(120))
        self.queues.answered(.seconds(10), .exists)
        #expect(self.next() == ["1 after 10", "declare 120"])
    }

    @Test("If none can be used everything waits, and all are asked for again later")
    mutating func none() {
        self.queues.add(1, after: .seconds(120))
        for delay in [120, 10, 1] {
            #expect(self.next() == ["declare \(delay)"])
            self.queues.answered(.seconds(delay), .unusable(reason: "no \(delay)"))
        }
        #expect(self.queues.problems == ["no 1", "no 10", "no 120"])
        #expect(self.next() == [])
        #expect(!self.queues.isEmpty && !self.queues.isAsking)
        self.queues.forgetProblems()
        #expect(self.queues.problems == [])
        #expect(self.next() == ["declare 120"])
        self.queues.answered(.seconds(120), .exists)
        #expect(self.next() == ["1 after 120"])
    }

    @Test("What is forgotten are problems only")
    mutating func forgetting() {
        for delay in [1, 10, 120] { self.queues.add(UInt64(delay), after: .seconds(delay)) }
        _ = self.next()
        self.queues.answered(.seconds(1), .exists)
        self.queues.answered(.seconds(10), .created)
        self.queues.forgetProblems()
        #expect(self.next() == ["1 after 1"])
        #expect(self.queues.isAsking)
        self.queues.settled(.seconds(120))
        #expect(self.next() == [])
    }
}
