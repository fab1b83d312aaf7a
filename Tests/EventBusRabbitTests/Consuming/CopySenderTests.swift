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
        #expect(answer.problem == nil)
        #expect(!copies.isEmpty)
        #expect(copies.answered([(2, .confirmed), (1, .confirmed)]).confirmed == [1])
        #expect(copies.isEmpty)
    }

    @Test("However many copies fail, they wait for one pause and are taken together")
    func failed() {
        var copies = PendingCopies()
        for tag in 1...64 as ClosedRange<UInt64> { copies.add(self.copy(), for: tag, now: .now()) }
        _ = self.taken(&copies)
        var pauses: [Duration] = []
        for tag in 1...64 as ClosedRange<UInt64> {
            let answer = copies.answered([(tag, .unknown)])
            #expect(answer.confirmed == [])
            if let pause = answer.pause { pauses.append(pause) }
        }
        #expect(pauses == [.milliseconds(100)])
        #expect(self.taken(&copies) == [])
        copies.endPause()
        #expect(self.taken(&copies) == Array(1...64))
    }

    @Test("The pause gets longer with each round up to two seconds, and short again when all that failed is confirmed")
    func pauses() {
        var copies = PendingCopies()
        copies.add(self.copy(), for: 1, now: .now())
        copies.add(self.copy(), for: 2, now: .now())
        func round(_ outcome: PublishOutcome, for tag: UInt64) -> Duration? {
            _ = self.taken(&copies)
            defer { copies.endPause() }
            return copies.answered([(tag, outcome)]).pause
        }
        let pauses = (0..<6).map { _ in round(.unknown, for: 1) }
        #expect(pauses == [100, 200, 400, 800, 1600, 2000].map { .milliseconds($0) })
        // That others are confirmed says nothing about those that fail.
        #expect(round(.confirmed, for: 2) == nil)
        #expect(round(.refused(reason: "full"), for: 1) == .seconds(2))
        #expect(round(.confirmed, for: 1) == nil)
        copies.add(self.copy(), for: 3, now: .now())
        #expect(round(.unknown, for: 3) == .milliseconds(100))
        #expect(!copies.isEmpty)
    }

    @Test("A copy that reaches no queue is told of")
    func missing() {
        var copies = PendingCopies()
        for tag in 1...2 as ClosedRange<UInt64> { copies.add(self.copy(), for: tag, now: .now()) }
        #expect(!copies.answered([(1, .unknown)]).isQueueMissing)
        #expect(copies.answered([(2, .unroutable)]).isQueueMissing)
        #expect(!copies.answered([(3, .unroutable)]).isQueueMissing)
    }

    @Test("When the originals are gone nothing is pending and nothing is taken again")
    func removed() {
        var copies = PendingCopies()
        copies.add(self.copy(), for: 1, now: .now())
        _ = self.taken(&copies)
        copies.removeAll()
        #expect(copies.isEmpty)
        copies.endPause()
        #expect(self.taken(&copies) == [])
    }

    @Test("Copies are sent as a batch, reported when confirmed, and sent again when not")
    func sending() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        let sender = try self.sender(queue, loop) { _ in }
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
        loop.advanceTime(by: .milliseconds(49))
        #expect(queue.take().isEmpty)
        loop.advanceTime(by: .milliseconds(51))
        let again = queue.take()
        #expect(again.map(\.messages.count) == [1])
        try self.answer(again, [(0, .confirmed)])
        loop.run()
        #expect(answers == [[9], [], [7]])
        #expect(sender.isIdle)
    }

    @Test("Without a connection copies wait for the next one, and no timer fires")
    func down() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        let sender = try self.sender(queue, loop) { _ in }
        var answers: [[UInt64]] = []
        sender.onAnswer = { answers.append($0) }
        queue.attach {}
        queue.detach(BusError(.unavailable, "gone"))
        sender.add(self.copy(), for: 1)
        sender.send()
        loop.advanceTime(by: .seconds(9))
        #expect(answers == [])
        queue.attach {}
        try self.answer(queue.take(), [(0, .confirmed)])
        loop.run()
        #expect(answers == [[1]])
    }

    @Test("What waits for a connection is not sent any more when its original is gone or the bus has ended")
    func downAndClosed() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        queue.detach(BusError(.unavailable, "gone"))
        let (sender, other) = (try self.sender(queue, loop) { _ in }, try self.sender(queue, loop) { _ in })
        var failures = 0
        other.onAnswer = { failures += $0.isEmpty ? 1 : 0 }
        for sender in [sender, other] {
            sender.add(self.copy(), for: 1)
            sender.send()
        }
        sender.close()
        queue.detach(.shutDown)
        loop.run()
        #expect(failures == 1)
        queue.attach {}
        #expect(queue.take().isEmpty)
    }

    @Test("A caller's batch fails at once without a connection")
    func callersBatch() async {
        let queue = PublishQueue()
        queue.detach(BusError(.unavailable, "gone"))
        let outcomes = await withCheckedContinuation { continuation in
            _ = queue.submit(PublishBatch(messages: [.copy(self.copy())], sink: .all(continuation)))
        }
        #expect(outcomes.count == 1 && !outcomes[0].isConfirmed)
    }

    @Test("A missing queue is told of once the answers are carried out")
    func missingQueue() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        let sender = try self.sender(queue, loop) { _ in }
        var calls: [String] = []
        sender.onAnswer = { calls.append("\($0)") }
        sender.onMissingQueue = { calls.append("missing") }
        for tag in 1...2 as ClosedRange<UInt64> { sender.add(self.copy(), for: tag) }
        sender.send()
        try self.answer(queue.take(), [(0, .unroutable), (1, .confirmed)])
        loop.run()
        #expect(calls == ["[2]", "missing"])
    }

    @Test("After the end nothing is reported or sent again")
    func closed() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        let sender = try self.sender(queue, loop) { _ in }
        sender.onAnswer = { _ in Issue.record("an answer after the end") }
        sender.add(self.copy(), for: 1)
        sender.send()
        let taken = queue.take()
        sender.close()
        #expect(sender.isIdle)
        try self.answer(taken, [(0, .unknown)])
        loop.advanceTime(by: .seconds(30))
        #expect(queue.take().isEmpty)
    }

    @Test("Copies that are not confirmed for ten seconds are told of, with the cause, until they are")
    func delayed() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        var delays: [String] = []
        let sender = try self.sender(queue, loop) { delays.append($0.map(\.description) ?? "over") }
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
    func delayedAndClosed() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        var delays: [Int?] = []
        let sender = try self.sender(queue, loop) { delays.append($0?.count) }
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
    ) throws -> CopySender {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let retries = RetryCopies(try Subscription("s", patterns: ["a"]), loop, settling: .zero, logger) { _ in
            loop.makeSucceededFuture(.exists)
        } onTrouble: { _ in
        }
        return CopySender(queue, loop, logger, retries, onDelay: onDelay)
    }

    private func answer(_ batches: [PublishBatch], _ outcomes: [(index: Int, outcome: PublishOutcome)]) throws {
        guard case .each(let report) = try #require(batches.first).sink else {
            Issue.record("another kind of batch")
            return
        }
        report(outcomes)
    }
}
