// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("The end of an open subscription, with a scripted broker")
struct ConsumeShutdownTests {
    /// A session with one message that is out, and whose retry queues are new.
    private final class Fixture {
        let broker: ScriptedBroker
        let deliveries: RabbitDeliveries
        let session: ConsumeSession
        private let queue = PublishQueue()
        private var batches: [PublishBatch] = []

        /// - Parameter deliveries: of which one has been returned.
        init(_ deliveries: RabbitDeliveries) throws {
            self.broker = try ScriptedBroker()
            try self.broker.open()
            self.deliveries = deliveries
            let subscription = try Subscription("s", patterns: ["a"])
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let loop = self.broker.channel.embeddedEventLoop
            let retries = RetryCopies(subscription, loop, settling: .seconds(5), logger) { _ in
                loop.makeSucceededFuture(.created)
            } onTrouble: { _ in
            }
            self.session = ConsumeSession(
                subscription,
                hasQuarantined: false,
                deliveries,
                CopySender(self.queue, loop, logger, retries) { _ in },
                try self.broker.handler.openChannel(),
                self.broker.handler,
                .alone,
                BusStatus(),
                logger
            )
            self.session.started()
            self.session.received(try .numbered(1))
            self.session.readCompleted()
            _ = try self.broker.frames()
        }

        func settle(_ verdict: Verdict) {
            self.deliveries.settle(Delivery.ID(generation: 1, tag: 1), verdict)
            self.session.woken()
        }

        /// The consumer stops, and the broker ends it.
        func stop() throws {
            self.deliveries.stop()
            self.session.woken()
            #expect(try self.broker.written() == ["60.30"])
        }

        /// The broker has ended the consumer.
        func end() throws {
            try self.broker.send(60, 31, [6] + Array("events".utf8), on: 1)
        }

        func run() { self.broker.channel.embeddedEventLoop.run() }

        /// The queues that messages have been copied to since the last call.
        func copied() -> [String] {
            self.run()
            let batches = self.queue.take()
            self.batches += batches
            return batches.flatMap(\.messages).map(\.routingKey)
        }

        /// The broker confirms what has been copied.
        func confirm() {
            for batch in self.batches {
                guard case .each(let report) = batch.sink else { continue }
                report(batch.messages.indices.map { ($0, PublishOutcome.confirmed) })
            }
            self.batches = []
            self.run()
        }
    }

    /// Deliveries of which one has been returned.
    ///
    /// What follows happens on one thread, as an embedded event loop requires.
    private static func deliveries() async throws -> RabbitDeliveries {
        let deliveries = RabbitDeliveries(generation: 1, .none, executor: globalConcurrentExecutor)
        deliveries.offer([try .numbered(1)])
        _ = try await deliveries.next()
        return deliveries
    }

    private static let retry = Verdict.retry(after: .seconds(1), Failures(count: 1))

    @Test("After a stop a message that waits for its retry queue goes to the end of the own one, without another wait")
    func stopped() async throws { try self.stopped(try await Self.deliveries()) }

    private func stopped(_ deliveries: RabbitDeliveries) throws {
        let fixture = try Fixture(deliveries)
        fixture.settle(Self.retry)
        #expect(fixture.copied() == [])
        try fixture.stop()
        // This consumer would get it again.
        #expect(fixture.copied() == [])
        try fixture.end()
        #expect(fixture.copied() == ["s"])
        var ended = 0
        fixture.session.flush(within: .seconds(30)).assumeIsolated().whenComplete { _ in ended += 1 }
        #expect(ended == 0)
        fixture.confirm()
        #expect(ended == 1)
        #expect(try fixture.broker.written() == ["60.80"])
    }

    @Test("At the end of a scope that was not stopped nothing waits for a retry queue either")
    func interrupted() async throws { try self.interrupted(try await Self.deliveries()) }

    private func interrupted(_ deliveries: RabbitDeliveries) throws {
        let fixture = try Fixture(deliveries)
        fixture.settle(Self.retry)
        #expect(fixture.copied() == [])
        var ended = 0
        fixture.session.finish().assumeIsolated().whenComplete { _ in ended += 1 }
        #expect(fixture.copied() == ["s"])
        #expect(ended == 0)
        fixture.confirm()
        #expect(ended == 1)
    }

    @Test("Copies that are not confirmed within five seconds of a shutdown get no second time at its end")
    func givenUp() async throws { try self.givenUp(try await Self.deliveries()) }

    private func givenUp(_ deliveries: RabbitDeliveries) throws {
        let fixture = try Fixture(deliveries)
        fixture.settle(.deadLetter(reason: "no", Failures(count: 1)))
        #expect(fixture.copied() == ["s.dead"])
        try fixture.stop()
        try fixture.end()
        var failed = 0
        fixture.session.flush(within: .seconds(30)).assumeIsolated().whenFailure { _ in failed += 1 }
        fixture.broker.advance(by: .nanoseconds(4_999_999_999))
        #expect(failed == 0)
        fixture.broker.advance(by: .nanoseconds(1))
        #expect(failed == 1)
        fixture.session.finish().assumeIsolated().whenFailure { _ in failed += 1 }
        fixture.run()
        #expect(failed == 2)
    }
}
