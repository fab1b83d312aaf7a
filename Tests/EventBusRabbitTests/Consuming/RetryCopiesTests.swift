// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Messages that wait for their retry queue")
struct RetryCopiesTests {
    /// A sender of copies for a subscription, with a broker that answers when it is told to.
    private final class Fixture {
        let loop = EmbeddedEventLoop()
        let queue = PublishQueue()
        let sender: CopySender
        private let retries: RetryCopies
        var declared: [EventLoopPromise<RetryQueues.Answer>] = []
        var troubles: [RetryQueues.Trouble] = []
        var delays: [String] = []
        var answers = 0

        init() throws {
            let subscription = try Subscription("s", patterns: ["a"], retryDelays: [.seconds(1), .seconds(10)])
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            var declare: ((Duration) -> EventLoopFuture<RetryQueues.Answer>)?
            var report: ((RetryQueues.Trouble) -> Void)?
            var delayed: ((CopyDelay?) -> Void)?
            self.retries = RetryCopies(subscription, self.loop, settling: .seconds(5), logger) {
                declare?($0) ?? EmbeddedEventLoop().makeSucceededFuture(.exists)
            } onTrouble: {
                report?($0)
            }
            self.sender = CopySender(self.queue, self.loop, logger, self.retries) { delayed?($0) }
            declare = { [unowned self] _ in
                let promise = self.loop.makePromise(of: RetryQueues.Answer.self)
                self.declared.append(promise)
                return promise.futureResult
            }
            report = { [unowned self] in self.troubles.append($0) }
            delayed = { [unowned self] in self.delays.append($0?.description ?? "over") }
            self.sender.onAnswer = { [unowned self] _ in self.answers += 1 }
        }

        func add(_ tag: UInt64) throws {
            self.sender.add(
                .init(tag: tag, message: try .numbered(tag), failures: Failures(count: 1)),
                after: .seconds(1)
            )
            self.sender.send()
        }

        /// The copies that have been sent.
        func copies() -> [OutgoingMessage] {
            self.loop.run()
            return self.queue.take().flatMap { batch in
                batch.messages.compactMap { if case .copy(let copy) = $0 { copy } else { nil } }
            }
        }

        /// The queues that messages have been sent to.
        func sent() -> [String] { self.copies().map(\.routingKey) }

        /// The broker refuses what it has been asked for and has not answered, until nothing is asked any more.
        func refuse() {
            let promises = self.declared
            self.declared = []
            for promise in promises { promise.succeed(.unusable(reason: "no right")) }
            self.loop.run()
            if !self.declared.isEmpty { self.refuse() }
        }
    }

    @Test("A message is copied when its queue exists, and counts as unconfirmed until then")
    func exists() throws {
        let fixture = try Fixture()
        try fixture.add(1)
        #expect(fixture.sent() == [])
        #expect(!fixture.sender.isIdle)
        try fixture.add(2)
        #expect(fixture.declared.count == 1)
        fixture.declared[0].succeed(.exists)
        #expect(fixture.sent() == ["s.retry.1", "s.retry.1"])
        #expect(fixture.answers == 1)
        try fixture.add(3)
        #expect(fixture.sent() == ["s.retry.1"])
        #expect(fixture.troubles == [])
    }

    @Test("A queue that was just created holds nothing for five seconds")
    func created() throws {
        let fixture = try Fixture()
        #expect(fixture.sender.longestWait == .zero)
        try fixture.add(1)
        fixture.declared[0].succeed(.created)
        fixture.loop.advanceTime(by: .nanoseconds(4_999_999_999))
        #expect(fixture.sent() == [])
        #expect(!fixture.sender.isIdle)
        #expect(fixture.sender.longestWait == .seconds(5))
        fixture.loop.advanceTime(by: .nanoseconds(1))
        #expect(fixture.sent() == ["s.retry.1"])
        #expect(fixture.sender.longestWait == .zero)
    }

    @Test("Without the queue the nearest one is taken, and it is told until the queue can be used")
    func unusable() throws {
        let fixture = try Fixture()
        try fixture.add(1)
        fixture.declared[0].succeed(.unusable(reason: "no right"))
        #expect(fixture.sent() == [])
        #expect(fixture.declared.count == 2)
        fixture.declared[1].succeed(.exists)
        #expect(fixture.sent() == ["s.retry.10"])
        fixture.loop.advanceTime(by: .seconds(60))
        try fixture.add(2)
        #expect(fixture.sent() == ["s.retry.10"])
        #expect(fixture.troubles == [.init(reasons: ["no right"])])
        #expect(fixture.declared.count == 3)
        fixture.declared[2].succeed(.exists)
        try fixture.add(3)
        // It may be new.
        #expect(fixture.sent() == [])
        fixture.loop.advanceTime(by: .seconds(5))
        #expect(fixture.sent() == ["s.retry.1"])
        #expect(fixture.troubles == [.init(reasons: ["no right"]), .init()])
    }

    @Test("If no queue can be used a message goes to the end of its own one after half a minute, with its failures")
    func none() throws {
        let fixture = try Fixture()
        try fixture.add(1)
        fixture.refuse()
        #expect(fixture.sender.longestWait == .zero)
        fixture.loop.advanceTime(by: .nanoseconds(34_999_999_999))
        #expect(fixture.sent() == [])
        // It is asked for again.
        #expect(fixture.declared.count == 1)
        fixture.loop.advanceTime(by: .nanoseconds(1))
        let copies = fixture.copies()
        #expect(copies.map(\.routingKey) == ["s"])
        let received = try #require(copies.first).received()
        #expect(received.failures.count == 1 && received.returns == 0 && received.topicName == "a")
        // Nobody waits any more.
        let reasons = ["no right", "no right"]
        #expect(fixture.troubles.suffix(2) == [.init(reasons: reasons, isTotal: true), .init(reasons: reasons)])
        fixture.refuse()
    }

    @Test("After a stop messages that wait for a new queue go to the end of their own one at once")
    func stopped() throws {
        let fixture = try Fixture()
        try fixture.add(1)
        fixture.declared[0].succeed(.created)
        #expect(fixture.sender.longestWait == .seconds(5))
        fixture.sender.stop()
        try fixture.add(2)
        #expect(fixture.sent() == ["s", "s"])
        #expect(fixture.sender.longestWait == .zero)
    }

    @Test("After a stop an answer has two seconds, then the message goes to the end of its own queue")
    func stoppedAndAsking() throws {
        let fixture = try Fixture()
        fixture.sender.stop()
        try fixture.add(1)
        fixture.loop.advanceTime(by: .nanoseconds(1_999_999_999))
        #expect(fixture.sent() == [])
        fixture.loop.advanceTime(by: .nanoseconds(1))
        #expect(fixture.sent() == ["s"])
        fixture.declared[0].succeed(.exists)
        try fixture.add(2)
        #expect(fixture.sent() == ["s.retry.1"])
    }

    @Test("Messages that wait for longer than a new queue needs are told of, with the reason, until they do not wait")
    func delayed() throws {
        let fixture = try Fixture()
        try fixture.add(1)
        fixture.loop.advanceTime(by: .nanoseconds(14_999_999_999))
        #expect(fixture.delays == [])
        fixture.loop.advanceTime(by: .nanoseconds(1))
        let text = "messages have not been moved to its own queues for"
        #expect(fixture.delays == ["1 \(text) 10 s: the broker does not answer"])
        fixture.refuse()
        fixture.loop.advanceTime(by: .seconds(10))
        #expect(fixture.delays.dropFirst() == ["1 \(text) 20 s: no right"])
        fixture.loop.advanceTime(by: .seconds(10))
        let batches = fixture.queue.take()
        #expect(batches.flatMap(\.messages).map(\.routingKey) == ["s"])
        guard case .each(let answer) = try #require(batches.first).sink else {
            Issue.record("another kind of batch")
            return
        }
        answer([(0, .confirmed)])
        fixture.loop.run()
        #expect(fixture.delays.last == "over")
        #expect(fixture.sender.isIdle)
        fixture.refuse()
    }

    @Test("When the deliveries are gone nothing waits any more, whatever the broker answers")
    func closed() throws {
        let fixture = try Fixture()
        try fixture.add(1)
        fixture.sender.close()
        #expect(fixture.sender.isIdle)
        fixture.declared[0].succeed(.created)
        fixture.loop.advanceTime(by: .seconds(60))
        #expect(fixture.sent() == [])
        #expect(fixture.troubles == [])
        #expect(fixture.delays == [])
    }
}
