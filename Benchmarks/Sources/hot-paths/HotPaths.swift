// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
@_spi(Benchmarks) import EventBusRabbit
import Measuring
import NIOCore

/// The four paths that every message takes, without any waiting.
enum HotPaths {
    /// In process: 64 messages are published, taken and settled by one task, so that no thread is woken.
    static func deliver(_ count: Int) async throws {
        let bus = InMemoryEventBus()
        let messages = (0..<64).map { _ in Samples.message(to: "bench.delivered") }
        let subscription = try Subscription("bench.deliver", patterns: ["bench.*"], prefetch: 64)
        try await bus.withDeliveries(to: subscription) { deliveries in
            for _ in 0..<(count / 64) {
                guard await bus.publish(messages).allSatisfy(\.isConfirmed) else {
                    throw BenchmarkFailure("not published")
                }
                guard let batch = try await deliveries.next(), batch.count == 64 else {
                    throw BenchmarkFailure("not delivered")
                }
                for delivery in batch { deliveries.settle(delivery.id, .done) }
            }
        }
    }

    /// A topic that was not looked up before, among a thousand patterns.
    static func match(_ count: Int) {
        var router = TopicRouter<Int>()
        for number in 0..<1000 {
            router.bind(number, to: TopicPattern(stringLiteral: "area\(number % 20).kind\(number / 20).*"))
        }
        let topics = (0..<10_000).map { Topic(stringLiteral: "area\($0 % 20).kind\($0 / 20 % 50).event\($0)") }
        var found = 0
        for number in 0..<count { found += router.targets(of: topics[number % topics.count]).count }
        precondition(found == count)
    }

    /// A message with all properties to AMQP frames.
    static func encode(_ count: Int) throws {
        let message = Samples.message(to: "bench.encoded")
        var buffer = ByteBuffer()
        for _ in 0..<count {
            buffer.clear()
            try CodecBenchmark.encode(message, into: &buffer)
        }
        guard count == 0 || buffer.readableBytes > message.body.count else {
            throw BenchmarkFailure("nothing was encoded")
        }
    }

    /// AMQP frames to a delivery.
    static func decode(_ count: Int) throws {
        let message = Samples.message(to: "bench.decoded")
        var decoder = try CodecBenchmark.Decoder(delivering: message)
        for _ in 0..<count {
            let delivery = try decoder.decode()
            guard delivery.message.id == message.id else { throw BenchmarkFailure("another message was decoded") }
        }
    }
}
