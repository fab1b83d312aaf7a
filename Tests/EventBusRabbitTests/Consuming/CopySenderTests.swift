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
        copies.add(self.copy(), for: 1)
        copies.add(self.copy(), for: 2)
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
        copies.add(self.copy(), for: 1)
        copies.add(self.copy(), for: 2)
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
        copies.add(self.copy(), for: 1)
        _ = self.taken(&copies)
        copies.removeAll()
        #expect(copies.isEmpty)
        copies.sendAgain([1])
        #expect(self.taken(&copies) == [])
    }

    @Test("Copies are sent as a batch, reported when confirmed, and sent again when not")
    func sending() throws {
        let (queue, loop) = (PublishQueue(), EmbeddedEventLoop())
        let sender = CopySender(queue, loop, Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
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
        let sender = CopySender(queue, loop, Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        sender.onAnswer = { _ in Issue.record("an answer after the end") }
        sender.add(self.copy(), for: 1)
        sender.send()
        sender.close()
        #expect(sender.isIdle)
        try self.answer(queue.take(), [(0, .unknown)])
        loop.advanceTime(by: .seconds(30))
        #expect(queue.take().isEmpty)
    }

    private func answer(_ batches: [PublishBatch], _ outcomes: [(index: Int, outcome: PublishOutcome)]) throws {
        guard case .each(let report) = try #require(batches.first).sink else {
            Issue.record("another kind of batch")
            return
        }
        report(outcomes)
    }
}
