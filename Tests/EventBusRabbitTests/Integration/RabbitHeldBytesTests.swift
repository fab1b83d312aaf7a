// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import TestProxy
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// Large messages, slow links and many messages.
    @Suite("While much waits", .enabled(if: Broker.url != nil), .serialized, .timeLimit(.minutes(15)))
    struct RabbitHeldBytesTests {
        @Test("Large messages on a slow link arrive, are started once, and cost no connection")
        func slowLink() async throws {
            let direct = try Broker.configuration()
            try await TCPProxy.with(to: direct.hosts[0].port, .amqp) { proxy in
                let configuration = try Broker.configuration(through: proxy)
                try await FaultRun.with(configuration, options: ConsumerOptions(timeLimit: .seconds(60))) { run in
                    let connections = proxy.accepted
                    // More than the 20 s that an answer may take.
                    let (count, size, rate) = Cluster.isSoak ? (60, 4_000_000, 2_000_000) : (20, 2_000_000, 1_500_000)
                    proxy.strike(.throttle(bytesPerSecond: rate))
                    let start = ContinuousClock.now
                    try await run.publish(0..<count, padding: size)
                    try await run.untilHandled(0..<count, within: .seconds(60 + count * size / rate))
                    #expect(proxy.accepted == connections)
                    #expect(try await run.dead() == [])
                    // A body at this rate, and what was published meanwhile.
                    try await run.judge("10", 0..<count, starts: 1, after: run.longestGap(from: start))
                }
            }
        }

        @Test(
            "A consumer that holds all bytes it may reads nothing, and keeps its connection for longer than heartbeats"
        )
        func bytesHeld() async throws {
            var configuration = try Broker.configuration()
            configuration.heartbeat = .seconds(1)
            try await Broker.withBus(configuration) { bus in
                let name = try SubscriptionName("f-\(Stamp.next().id).bytes")
                let topic = try Topic("\(name)")
                let subscription = try Subscription(name, patterns: [TopicPattern(topic)], prefetchBytes: 1 << 20)
                try await bus.withDeliveries(to: subscription) { deliveries in
                    let messages = (0..<30).map { number in
                        Message(
                            id: "\(number)",
                            topic: topic,
                            time: Stamp.next().time,
                            body: [UInt8](repeating: 1, count: 1 << 20)
                        )
                    }
                    #expect(await bus.publish(messages).allSatisfy(\.isConfirmed))
                    var taken = try #require(try await deliveries.next())
                    let more = Task { try await deliveries.next() }
                    try await Task.sleep(for: .seconds(8))
                    #expect(taken.count == 1)
                    for delivery in taken { deliveries.settle(delivery.id, .done) }
                    taken += try await more.value ?? []
                    for delivery in taken.dropFirst() { deliveries.settle(delivery.id, .done) }
                    while taken.count < 30, let batch = try await deliveries.next() {
                        for delivery in batch { deliveries.settle(delivery.id, .done) }
                        taken += batch
                    }
                    try await deliveries.flush()
                    #expect(taken.map(\.message.id) == messages.map(\.id))
                    #expect(taken.allSatisfy { $0.returns == 0 })
                }
                #expect(try await Broker.count(name.description) == 0)
                try await Broker.delete(name)
            }
        }

        @Test("A subscription whose first message takes all bytes that may be held opens, also among several hosts")
        func opensFull() async throws {
            let host = try Broker.configuration().hosts[0]
            let hosts = "\(host),localhost:\(host.port)"
            let url = try #require(Broker.url).replacing(/@[^\/]*/, with: "@\(hosts)")
            try await Broker.withBus(try RabbitConfiguration(url: url)) { bus in
                let name = try SubscriptionName("f-\(Stamp.next().id).full")
                let topic = try Topic("\(name)")
                let subscription = try Subscription(name, patterns: [TopicPattern(topic)], prefetchBytes: 1)
                try await bus.withDeliveries(to: subscription) { _ in }
                let messages = (0..<20).map { number in
                    let body = [UInt8](repeating: 1, count: 1 << 20)
                    return Message(id: "\(number)", topic: topic, time: Stamp.next().time, body: body)
                }
                #expect(await bus.publish(messages).allSatisfy(\.isConfirmed))
                try await bus.withDeliveries(to: subscription) { deliveries in
                    var count = 0
                    while count < 20, let batch = try await deliveries.next() {
                        for delivery in batch { deliveries.settle(delivery.id, .done) }
                        count += batch.count
                    }
                    try await deliveries.flush()
                    #expect(count == 20)
                }
                try await Broker.delete(name)
            }
        }

        @Test("A stop while nothing is read gives back what is on its way, and no return is counted")
        func stopWhileBytesAreHeld() async throws {
            try await Broker.withBus { bus in
                let name = try SubscriptionName("f-\(Stamp.next().id).stop")
                let topic = try Topic("\(name)")
                let patterns = [TopicPattern(topic)]
                let subscription = try Subscription(name, patterns: patterns, prefetchBytes: 1)
                let messages = (0..<20).map { number in
                    let body = [UInt8](repeating: 1, count: 1 << 20)
                    return Message(id: "\(number)", topic: topic, time: Stamp.next().time, body: body)
                }
                try await bus.withDeliveries(to: subscription) { deliveries in
                    #expect(await bus.publish(messages).allSatisfy(\.isConfirmed))
                    let first = try #require(try await deliveries.next())
                    deliveries.stop()
                    for delivery in first { deliveries.settle(delivery.id, .done) }
                    try await deliveries.flush()
                }
                try await bus.withDeliveries(to: try Subscription(name, patterns: patterns)) { deliveries in
                    var taken: [Delivery] = []
                    while taken.count < 19, let batch = try await deliveries.next() {
                        for delivery in batch { deliveries.settle(delivery.id, .done) }
                        taken += batch
                    }
                    try await deliveries.flush()
                    #expect(Set(taken.map(\.message.id)).count == 19)
                    #expect(taken.allSatisfy { $0.returns == 0 })
                }
                try await Broker.delete(name)
            }
        }

        @Test("A large backlog is consumed with a prefetch's worth of memory, and nothing is lost")
        func backlog() async throws {
            let count = Cluster.isSoak ? 1_000_000 : 50_000
            let gate = Notifier()
            try await FaultRun.with(options: ConsumerOptions(timeLimit: .seconds(600))) { _, _ in
                _ = try await gate.wait(above: 0)
            } _: { run in
                let before = ProcessUsage.isKnown ? try ProcessUsage.now().memory : 0
                try await run.publish(0..<count)
                let memory = ProcessUsage.isKnown ? try ProcessUsage.now().memory - before : 0
                #expect(memory < 100_000)
                #expect(run.starts.count <= 8)
                gate.raise()
                let start = ContinuousClock.now
                try await run.untilHandled(0..<count, within: .seconds(60 + count / 1000))
                let seconds = start.duration(to: .now) / .seconds(1)
                print("\(count) messages waited with \(memory) kB more, and were handled in \(seconds) s")
                try await run.judge("31", 0..<count, starts: 1, after: run.pause(after: start))
            }
        }
    }
}
