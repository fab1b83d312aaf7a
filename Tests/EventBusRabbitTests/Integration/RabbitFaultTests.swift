// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import TestProxy
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// What is lost (nothing), how often events are started, and how soon they flow again.
    @Suite("While events are consumed", .enabled(if: Broker.url != nil), .serialized, .timeLimit(.minutes(3)))
    struct RabbitFaultTests {
        private static let retries = RetryPolicy(attempts: 3, firstDelay: .seconds(1), factor: 1)

        private static func infra(_ command: String) async throws {
            let infra = try #require(ProcessInfo.processInfo.environment["INFRA"])
            let status = try await Broker.shell("'\(infra)' \(command)")
            #expect(status == 0)
        }

        private static func control(_ command: String) async throws {
            let status = try await Broker.shell("\(try #require(Broker.control)) \(command)")
            #expect(status == 0)
        }

        @Test(
            "When all connections are closed again and again with a full prefetch, nothing stops for 3 s",
            .enabled(if: Broker.control != nil)
        )
        func connectionsClosed() async throws {
            try await TCPProxy.with(to: try Broker.configuration().hosts[0].port, .amqp) { proxy in
                let configuration = try Broker.configuration(through: proxy)
                // Of the four interruptions two can use up an attempt of a message that is being handled each time.
                let options = ConsumerOptions(retry: RetryPolicy(attempts: 5, firstDelay: .seconds(1), factor: 1))
                try await FaultRun.with(configuration, options: options) { tick, start in
                    try await Task.sleep(for: .milliseconds(200))
                    if tick.number.isMultiple(of: 10), start == 1 { throw TickFailure() }
                } _: { run in
                    try await run.publish(0..<600)
                    try await run.untilHandled(0..<1)
                    let start = ContinuousClock.now
                    // It returns long after it has closed them.
                    async let closing: Void = Self.control("close_all_connections test")
                    // What comes back twice is moved to the quarantine queue.
                    for _ in 0..<3 {
                        let count = run.count
                        try await eventually(within: .seconds(10), "a handled event") { run.count > count }
                        proxy.strike(.cut)
                    }
                    try await run.untilHandled(0..<600)
                    try await closing
                    #expect(run.longestGap(from: start) <= .seconds(3))
                    // Two returns prove no start.
                    #expect(run.starts.values.allSatisfy { $0 <= 7 })
                    #expect(try await run.dead() == [])
                }
            }
        }

        @Test(
            "Five seconds after the return of a broker that was killed for 15 s events are handled",
            .enabled(if: Broker.restart != nil),
            arguments: [("kill", 15), ("stop", 1)]
        )
        func brokerAway(_ end: String, _ seconds: Int) async throws {
            try await FaultRun.with(options: ConsumerOptions(concurrency: 2, retry: Self.retries)) { _, _ in
                try await Task.sleep(for: .milliseconds(200))
            } _: { run in
                // RabbitMQ 3.10 can lose a queue that was declared just before a kill.
                try await Task.sleep(for: .seconds(5))
                try await run.publish(0..<100)
                try await Self.infra("\(end) rabbit")
                try await Task.sleep(for: .seconds(seconds))
                try await Self.infra("start rabbit")
                let back = ContinuousClock.now
                try await run.untilHandled(0..<100)
                #expect(try #require(run.pause(after: back)) <= .seconds(5))
                #expect(run.starts.values.allSatisfy { $0 <= 3 })
            }
        }

        @Test("Queues that are deleted under failing handlers are declared again, and everything becomes a dead letter")
        func queuesDeleted() async throws {
            let options = ConsumerOptions(retry: Self.retries)
            try await FaultRun.with(options: options) { _, _ in
                throw TickFailure()
            } _: { run in
                try await run.publish(0..<10)
                try await Broker.delete([Topology.dead(run.name), Topology.retry(run.name, .seconds(1))])
                try await run.publish(10..<100)
                try await eventually(within: .seconds(40), "90 dead letters") {
                    // Retries that were in the deleted queue are gone with it.
                    Set(try await run.dead()).isSuperset(of: 10..<100)
                }
                #expect((10..<100).allSatisfy { (run.starts[$0] ?? 0) <= 5 })
                try await eventually(within: .seconds(5), "health without a problem") { run.bus.health.isReady }
            }
        }

        @Test("A quarantine queue that is deleted is declared again")
        func quarantineDeleted() async throws {
            try await FaultRun.with { run in
                let queue = Topology.quarantine(run.name)
                try await run.publish(0..<10)
                try await Broker.delete([queue])
                try await eventually(within: .seconds(10), "the queue") { try await Broker.count(queue) == 0 }
                try await run.publish(10..<20)
                try await run.untilHandled(0..<20)
            }
        }

        @Test("A subscription's own queue that is deleted is declared and bound again, and events flow soon")
        func ownQueueDeleted() async throws {
            try await FaultRun.with { run in
                try await run.publish(0..<10)
                try await run.untilHandled(0..<10)
                let start = ContinuousClock.now
                try await Broker.delete([run.name.description])
                try await eventually(within: .seconds(5), "the queue") {
                    try await Broker.count(run.name.description) == 0
                }
                try await eventually(within: .seconds(5), "an event") {
                    let message = try Message(Tick(number: 10))
                    _ = await run.bus.publish([message])
                    return run.handled.contains(10)
                }
                #expect(start.duration(to: .now) <= .seconds(5))
            }
        }

        @Test(
            "A process that is frozen for longer than heartbeats allow loses nothing and settles nothing twice",
            .enabled(if: Broker.control != nil)
        )
        func frozen() async throws {
            var configuration = try Broker.configuration()
            configuration.heartbeat = .seconds(1)
            try await FaultRun.with(configuration, options: ConsumerOptions(retry: Self.retries)) { _, _ in
                try await Task.sleep(for: .milliseconds(50))
            } _: { run in
                try await run.publish(0..<300)
                try await run.untilHandled(0..<1)
                let process = ProcessInfo.processInfo.processIdentifier
                // The test process stops itself.
                _ = try await Broker.shell("kill -STOP \(process); sleep 6; kill -CONT \(process)")
                let thawed = ContinuousClock.now
                try await run.publish(300..<310)
                try await run.untilHandled(0..<310)
                #expect(try #require(run.pause(after: thawed)) <= .seconds(5))
                // What was being handled comes back once.
                #expect(run.starts.values.allSatisfy { $0 <= 2 })
                #expect(try await run.dead() == [])
            }
        }

        @Test(
            "A handler that runs into the broker's consumer timeout is started within its budget, and health names the timeout",
            .enabled(if: Broker.control != nil)
        )
        func consumerTimeout() async throws {
            try await Self.control(
                "eval 'application:set_env(rabbit, consumer_timeout, 2000), application:set_env(rabbit, channel_tick_interval, 500).'"
            )
            let result = await Result {
                try await FaultRun.with(options: ConsumerOptions(retry: Self.retries)) { tick, _ in
                    if tick.number == 0 { try await Task.sleep(for: .seconds(8)) }
                } _: { run in
                    try await run.publish(0..<1)
                    try await eventually(within: .seconds(60), "the dead letter") { try await run.dead() == [0] }
                    #expect((1...5).contains(run.starts[0] ?? 0))
                    try await run.publish(1..<10)
                    try await run.untilHandled(1..<10)
                    // From 4.3 on the broker does not say why it ends a consumer.
                    let control = try #require(Broker.control)
                    guard try await Broker.shell("\(control) version | grep -qE '^(3|4\\.[0-2])'") == 0 else { return }
                    #expect(run.bus.health.notes.contains { $0.contains("consumer_timeout") })
                }
            }
            try await Self.control(
                "eval 'application:set_env(rabbit, consumer_timeout, 1800000), application:set_env(rabbit, channel_tick_interval, 60000).'"
            )
            try result.get()
        }

        @Test(
            "What the broker drops because it came back too often becomes a dead letter",
            .enabled(if: Broker.control != nil && RabbitFaultTests.hasDeadLetterTarget)
        )
        func deliveryLimit() async throws {
            try await Broker.withBus { bus in
                let name = try SubscriptionName("f-\(Stamp.next().id).limit")
                let topic = try Topic("\(name)")
                let subscription = try Subscription(name, patterns: [TopicPattern(topic)], ordering: .perKey)
                try await bus.withDeliveries(to: subscription) { _ in }
                try await Self.control("set_policy limit '^\(name)$' '{\"delivery-limit\":3}' --apply-to queues")
                let result = await Result {
                    let message = Message(id: "1", topic: topic, time: Stamp.next().time, body: Array("{}".utf8))
                    #expect(await bus.publish([message])[0].isConfirmed)
                    for _ in 0..<5 {
                        try await bus.withDeliveries(to: subscription) { deliveries in
                            let taken = Task { try await deliveries.next() }
                            try await eventually(within: .seconds(10), "a delivery or a dead letter") {
                                let dead = try await Broker.count(Topology.dead(name))
                                let ready = try await Broker.count("\(name)")
                                return dead > 0 || ready == 0
                            }
                            taken.cancel()
                            _ = try? await taken.value
                        }
                    }
                    try await eventually(within: .seconds(20), "the dead letter") {
                        try await bus.deadLetters(of: name, limit: 10).map(\.message.id) == ["1"]
                    }
                }
                try await Self.control("clear_policy limit")
                try result.get()
                try await Broker.delete(name)
            }
        }

        /// Whether what the broker drops from an ordered subscription goes to its dead letters.
        private static var hasDeadLetterTarget: Bool {
            guard let subscription = try? Subscription("s", patterns: ["a"], ordering: .perKey) else { return false }
            return Topology.queues(of: subscription)[0].arguments.contains { $0.0 == "x-dead-letter-routing-key" }
        }
    }
}
