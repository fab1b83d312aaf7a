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
                    let gap = run.longestGap(from: start)
                    #expect(gap <= .seconds(3))
                    #expect(try await run.dead() == [])
                    // Two returns prove no start.
                    try await run.judge("3", 0..<600, starts: 7, after: gap)
                }
            }
        }

        @Test(
            "Five seconds after the return of a broker that was killed for 15 s events are handled",
            .enabled(if: Broker.restart != nil),
            arguments: [("1", "kill", 15), ("2", "stop", 1)]
        )
        func brokerAway(_ fault: String, _ end: String, _ seconds: Int) async throws {
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
                try await run.judge(fault, 0..<100, starts: 3, after: run.pause(after: back))
            }
        }

        @Test(
            "A consumer goes on when its connection is reset in the middle of a frame, closed without a word, or swallowed",
            arguments: [("4", ProxyFault.reset), ("5", .cut), ("6", .blackHole)]
        )
        func connectionBroken(_ fault: String, _ what: ProxyFault) async throws {
            try await TCPProxy.with(to: try Broker.configuration().hosts[0].port, .amqp) { proxy in
                var configuration = try Broker.configuration(through: proxy)
                configuration.heartbeat = .seconds(1)
                try await FaultRun.with(configuration, options: ConsumerOptions(retry: Self.retries)) { _, _ in
                    try await Task.sleep(for: .milliseconds(50))
                } _: { run in
                    proxy.order(what, .atByte(.toClient, 30_001))
                    try await run.publish(0..<300)
                    try await eventually(within: .seconds(10), "the fault") { proxy.fired == 1 }
                    let start = ContinuousClock.now
                    try await run.untilHandled(0..<300)
                    // Two returns prove no start.
                    try await run.judge(fault, 0..<300, starts: 2, after: run.longestGap(from: start))
                }
            }
        }

        @Test(
            "A broker that is frozen for longer than heartbeats allow costs nothing, and is used again when it thaws",
            .enabled(if: Broker.control != nil)
        )
        func brokerFrozen() async throws {
            var configuration = try Broker.configuration()
            configuration.heartbeat = .seconds(3)
            try await FaultRun.with(configuration, options: ConsumerOptions(retry: Self.retries)) { _, _ in
                try await Task.sleep(for: .milliseconds(100))
            } _: { run in
                try await run.publish(0..<300)
                try await Broker.signal("STOP")
                try await Task.sleep(for: .seconds(10))
                try await Broker.signal("CONT")
                let thawed = ContinuousClock.now
                try await run.untilHandled(0..<300)
                try await run.judge("8", 0..<300, starts: 2, after: run.pause(after: thawed))
            }
        }

        @Test(
            "During an alarm what is in the queues is handled, and failed events are tried again after it",
            .enabled(if: Broker.control != nil)
        )
        func alarm() async throws {
            try await FaultRun.with(options: ConsumerOptions(retry: Self.retries)) { tick, start in
                try await Task.sleep(for: .milliseconds(20))
                if tick.number < 10, start == 1 { throw TickFailure() }
            } _: { run in
                try await run.publish(0..<300)
                try await Self.control("set_vm_memory_high_watermark 0")
                let result = await Result {
                    try await eventually(within: .seconds(10), "what did not fail") {
                        run.handled.isSuperset(of: 10..<300)
                    }
                }
                try await Self.control("set_vm_memory_high_watermark 0.4")
                let end = ContinuousClock.now
                try result.get()
                try await run.publish(300..<301)
                try await run.untilHandled(0..<301)
                try await run.judge("11", 0..<301, starts: 2, after: run.pause(after: end))
            }
        }

        @Test("Queues that are deleted under failing handlers are declared again, and everything becomes a dead letter")
        func queuesDeleted() async throws {
            let options = ConsumerOptions(retry: Self.retries)
            try await FaultRun.with(options: options) { _, _ in
                throw TickFailure()
            } _: { run in
                try await run.publish(0..<10)
                // RabbitMQ 3.10 loses the process that serves all retry queues when one is deleted while it is created.
                try await eventually(within: .seconds(10), "a retry") { run.starts.values.contains { $0 > 1 } }
                try await Broker.delete([Topology.dead(run.name), Topology.retry(run.name, .seconds(1))])
                let start = ContinuousClock.now
                try await run.publish(10..<100)
                try await eventually(within: .seconds(10), "an event to be tried") { run.starts[10] != nil }
                let pause = start.duration(to: .now)
                try await eventually(within: .seconds(40), "90 dead letters") {
                    // Retries that were in the deleted queue are gone with it.
                    Set(try await run.dead()).isSuperset(of: 10..<100)
                }
                // Two returns prove no start.
                try await run.judge("C4", 10..<100, starts: 5, after: pause)
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
                var number = 10
                try await eventually(within: .seconds(5), "an event") {
                    let message = try Message(Tick(number: number))
                    number += 1
                    _ = await run.bus.publish([message])
                    return run.count > 10
                }
                try await run.judge("13", 0..<10, starts: 1, after: start.duration(to: .now))
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
                #expect(try await run.dead() == [])
                // What was being handled comes back once.
                try await run.judge("9", 0..<310, starts: 2, after: run.pause(after: thawed))
            }
        }

        @Test(
            "A handler that runs into the broker's consumer timeout is started within its budget, and health names the timeout",
            .enabled(if: Broker.control != nil)
        )
        func consumerTimeout() async throws {
            let (limit, seconds, attempts) = Cluster.isSoak ? (5, 20, 4) : (2, 8, 3)
            try await Self.control(
                "eval 'application:set_env(rabbit, consumer_timeout, \(limit)000), application:set_env(rabbit, channel_tick_interval, 500).'"
            )
            let result = await Result {
                let retry = RetryPolicy(attempts: attempts, firstDelay: .seconds(1), factor: 1)
                try await FaultRun.with(options: ConsumerOptions(retry: retry)) { tick, _ in
                    if tick.number == 0 { try await Task.sleep(for: .seconds(seconds)) }
                } _: { run in
                    try await run.publish(0..<1)
                    try await eventually(within: .seconds(150), "the dead letter") { try await run.dead() == [0] }
                    let end = ContinuousClock.now
                    try await run.publish(1..<10)
                    try await run.untilHandled(1..<10)
                    // Two returns prove no start.
                    try await run.judge("22", 0..<10, starts: attempts + 2, after: run.pause(after: end))
                    #expect(run.starts[0] != nil)
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
    }
}
