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
        var problems: [[String]] = []
        var answers = 0

        init() throws {
            let subscription = try Subscription("s", patterns: ["a"], retryDelays: [.seconds(1), .seconds(10)])
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            var declare: ((Duration) -> EventLoopFuture<RetryQueues.Answer>)?
            var report: (([String]) -> Void)?
            self.retries = RetryCopies(subscription, self.loop, settling: .seconds(5), logger) {
                declare?($0) ?? EmbeddedEventLoop().makeSucceededFuture(.exists)
            } onProblems: {
                report?($0)
            }
            self.sender = CopySender(self.queue, self.loop, logger, self.retries) { _ in }
            declare = { [unowned self] _ in
                let promise = self.loop.makePromise(of: RetryQueues.Answer.self)
                self.declared.append(promise)
                return promise.futureResult
            }
            report = { [unowned self] in self.problems.append($0) }
            self.sender.onAnswer = { [unowned self] _ in self.answers += 1 }
        }

        func add(_ tag: UInt64) throws {
            self.sender.add(
                .init(tag: tag, message: try .numbered(tag), failures: Failures(count: 1)),
                after: .seconds(1)
            )
            self.sender.send()
        }

        /// The queues that messages have been sent to.
        func sent() -> [String] {
            self.loop.run()
            return self.queue.take().flatMap { $0.messages.map(\.routingKey) }
        }
    }

    @Test("A message is copied when its queue exists, and counts as unconfirmed until then")
    func exists() throws {
        let fixture = try Fixture()
        try fixture.add(1)
        #expect(fixture.sent() == [])
        #expect(!fixture.sender.isIdle)
        #expect(fixture.sender.isAsking)
        try fixture.add(2)
        #expect(fixture.declared.count == 1)
        fixture.declared[0].succeed(.exists)
        #expect(fixture.sent() == ["s.retry.1", "s.retry.1"])
        #expect(!fixture.sender.isAsking)
        // The session looks whether it may read again.
        #expect(fixture.answers == 1)
        try fixture.add(3)
        #expect(fixture.sent() == ["s.retry.1"])
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
    }

    @Test(
        "Without the queue the nearest one is taken, a problem says why, and half a minute later it is asked for again"
    )
    func unusable() throws {
        let fixture = try Fixture()
        try fixture.add(1)
        fixture.declared[0].succeed(.unusable(reason: "no right"))
        #expect(fixture.sent() == [])
        #expect(fixture.problems == [["no right"]])
        #expect(fixture.declared.count == 2)
        fixture.declared[1].succeed(.exists)
        #expect(fixture.sent() == ["s.retry.10"])
        fixture.loop.advanceTime(by: .seconds(30))
        #expect(fixture.problems == [["no right"], []])
        try fixture.add(2)
        #expect(fixture.declared.count == 3)
        fixture.declared[2].succeed(.exists)
        #expect(fixture.sent() == ["s.retry.1"])
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
        #expect(fixture.problems == [[]])
    }
}
