// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Copies for other queues")
struct CopySenderTests {
    private func copy(_ queue: String = "s.dead") -> OutgoingMessage {
        OutgoingMessage(
            exchange: "",
            routingKey: queue,
            mandatory: true,
            properties: Properties(),
            headers: HeaderTable(),
            body: ByteBuffer()
        )
    }

    private func taken(_ copies: inout PendingCopies) -> [UInt64] { copies.takeUnsent().map(\.tag) }

    @Test("A copy is taken once and is pending until it is confirmed")
    func confirmed() {
        var copies = PendingCopies()
        #expect(copies.isEmpty)
        copies.add(self.copy(), for: 1, now: .now())
        copies.add(self.copy(), for: 2, now: .now())
        #expect(self.taken(&copies) == [1, 2])
        #expect(self.taken(&copies) == [])
        let answer = copies.answered([(2, .confirmed)])
        #expect(answer.confirmed == [2])
        #expect(answer.failed == [])
        #expect(answer.problem == nil)
        #expect(!copies.isEmpty)
        #expect(copies.answered([(2, .confirmed), (1, .confirmed)]).confirmed == [1])
        #expect(copies.isEmpty)
    }

    @Test("A copy that was not confirmed is taken again, after a longer pause each time")
    func failed() {
        var copies = PendingCopies()
        copies.add(self.copy(), for: 1, now: .now())
        copies.add(self.copy(), for: 2, now: .now())
        _ = self.taken(&copies)
        let answer = copies.answered([(1, .unknown), (2, .unroutable)])
        #expect(answer.confirmed == [])
        #expect(answer.failed == [1, 2])
        #expect(answer.problem?.pause == .milliseconds(500))
        #expect(self.taken(&copies) == [])
        copies.sendAgain(answer.failed)
        #expect(self.taken(&copies) == [1, 2])
        #expect(copies.answered([(1, .unknown)]).problem?.pause == .seconds(1))
        #expect(copies.answered([(2, .confirmed)]).problem == nil)
        #expect(copies.answered([(1, .unknown)]).problem?.pause == .milliseconds(500))
        #expect(!copies.isEmpty)
    }

    @Test("When the originals are gone nothing is pending and nothing is taken again")
    func removed() {
        var copies = PendingCopies()
        copies.add(self.copy(), for: 1, now: .now())
        _ = self.taken(&copies)
        copies.removeAll()
        #expect(copies.isEmpty)
        copies.sendAgain([1])
        #expect(self.taken(&copies) == [])
    }

    @Test("Copies are sent as a batch, reported when confirmed, and sent again when not")
    func sending() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        let sender = self.sender(queue, loop) { _ in }
        var answers: [[UInt64]] = []
        sender.onAnswer = { answers.append($0) }
        sender.add(self.copy(), for: 7)
        sender.add(self.copy(), for: 9)
        #expect(queue.take().isEmpty)
        sender.send()
        sender.send()
        let batches = queue.take()
        #expect(batches.map(\.messages.count) == [2])
        try self.answer(batches, [(1, .confirmed)])
        loop.run()
        #expect(answers == [[9]])
        #expect(!sender.isIdle)
        try self.answer(batches, [(0, .unknown)])
        loop.run()
        #expect(answers == [[9], []])
        loop.advanceTime(by: .milliseconds(500))
        let again = queue.take()
        #expect(again.map(\.messages.count) == [1])
        try self.answer(again, [(0, .confirmed)])
        loop.run()
        #expect(answers == [[9], [], [7]])
        #expect(sender.isIdle)
    }

    @Test("After the end nothing is reported or sent again")
    func closed() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        let sender = self.sender(queue, loop) { _ in }
        sender.onAnswer = { _ in Issue.record("an answer after the end") }
        sender.add(self.copy(), for: 1)
        sender.send()
        sender.close()
        #expect(sender.isIdle)
        try self.answer(queue.take(), [(0, .unknown)])
        loop.advanceTime(by: .seconds(30))
        #expect(queue.take().isEmpty)
    }

    @Test("Copies that are not confirmed for ten seconds are told of, with the cause, until they are")
    func delayed() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        var delays: [String] = []
        let sender = self.sender(queue, loop) { delays.append($0.map(\.description) ?? "over") }
        sender.onAnswer = { _ in }
        sender.add(self.copy(), for: 1)
        sender.send()
        let lost = queue.take()
        loop.advanceTime(by: .seconds(5))
        sender.add(self.copy(), for: 2)
        sender.send()
        let other = queue.take()
        loop.advanceTime(by: .nanoseconds(4_999_999_999))
        #expect(delays == [])
        loop.advanceTime(by: .nanoseconds(1))
        let text = "messages have not been moved to its own queues for"
        #expect(delays == ["1 \(text) 10 s: the broker does not answer"])
        try self.answer(other, [(0, .refused(reason: "queue is full"))])
        loop.advanceTime(by: .seconds(10))
        #expect(delays.dropFirst() == ["2 \(text) 20 s: queue is full"])
        try self.answer(lost, [(0, .confirmed)])
        loop.run()
        #expect(delays.last == "1 \(text) 15 s: the broker does not answer")
        try self.answer(queue.take(), [(0, .confirmed)])
        loop.run()
        #expect(delays.count == 4)
        #expect(delays.last == "over")
        loop.advanceTime(by: .seconds(60))
        #expect(delays.count == 4)
    }

    @Test("When the originals are gone their copies are no longer told of")
    func delayedAndClosed() {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        var delays: [Int?] = []
        let sender = self.sender(queue, loop) { delays.append($0?.count) }
        sender.add(self.copy(), for: 1)
        loop.advanceTime(by: .seconds(10))
        sender.close()
        loop.advanceTime(by: .seconds(60))
        #expect(delays == [1, nil])
    }

    private func sender(
        _ queue: PublishQueue,
        _ loop: EmbeddedEventLoop,
        onDelay: @escaping (CopyDelay?) -> Void
    ) -> CopySender {
        CopySender(queue, loop, Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onDelay: onDelay)
    }

    private func answer(_ batches: [PublishBatch], _ outcomes: [(index: Int, outcome: PublishOutcome)]) throws {
        guard case .each(let report) = try #require(batches.first).sink else {
            Issue.record("another kind of batch")
            return
        }
        report(outcomes)
    }
}
