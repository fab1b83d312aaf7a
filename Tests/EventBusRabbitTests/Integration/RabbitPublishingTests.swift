// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import NIOCore
import TestProxy
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// Connections and brokers that fail while messages are published.
    @Suite(
        "Publishing on RabbitMQ through faults",
        .enabled(if: Broker.control != nil),
        .serialized,
        .timeLimit(.minutes(3))
    )
    struct RabbitPublishingTests {
        @Test(
            "Nothing is lost when the broker is killed with unconfirmed messages, stopped in order, or away for a while"
        )
        func brokerAway() async throws {
            try await Broker.withBus { bus in
                try await PublishTrial.with { trial in
                    // RabbitMQ 3.10 can lose a queue that was declared just before a kill.
                    try await Task.sleep(for: .seconds(5))
                    for (scenario, stop) in [("1", "kill rabbit"), ("2", "stop rabbit")] {
                        let seconds = try await trial.survive(on: bus) {
                            try await Broker.infra(stop)
                            try await eventually(within: .seconds(5), "the outage to be noticed") {
                                !bus.health.isReady
                            }
                            try await Broker.infra("start rabbit")
                        }
                        try await trial.judge(scenario, seconds)
                    }
                }
            }
        }

        @Test(
            "Nothing is lost when a connection is reset in the middle of a frame, or closed without a word",
            arguments: [("4", ProxyFault.reset), ("5", .cut)]
        )
        func cut(_ scenario: String, _ fault: ProxyFault) async throws {
            try await Broker.withProxiedBus { bus, proxy in
                try await PublishTrial.with { trial in
                    let seconds = try await trial.survive(on: bus) {
                        proxy.order(fault, .atByte(.toServer, 60_001))
                        try await eventually(within: .seconds(10), "the fault") { proxy.fired == 1 }
                    }
                    try await trial.judge(scenario, seconds)
                }
            }
        }

        @Test("A network that swallows everything is noticed within three heartbeats, while idle and with full buffers")
        func blackHole() async throws {
            try await Broker.withProxiedBus {
                $0.heartbeat = .seconds(1)
            } _: { bus, proxy in
                try await PublishTrial.with { trial in
                    await trial.publish(1, to: bus)
                    proxy.strike(.blackHole)
                    try await eventually(within: .seconds(4), "the silence to be noticed") { !bus.health.isReady }
                    try await eventually(within: .seconds(5), "a new connection") { bus.health.isReady }
                    let seconds = try await trial.survive(on: bus, bodySize: 1_000_000) {
                        proxy.strike(.blackHole)
                        try await eventually(within: .seconds(4), "the silence to be noticed") { !bus.health.isReady }
                    }
                    try await trial.judge("7", seconds)
                }
            }
        }

        @Test("A broker that is frozen for less than two heartbeats keeps the connection, for longer it is left")
        func frozen() async throws {
            try await Broker.withProxiedBus {
                $0.heartbeat = .seconds(3)
            } _: { bus, proxy in
                try await PublishTrial.with { trial in
                    for (pause, isLeft) in [(4, false), (10, true)] {
                        let before = proxy.accepted
                        let seconds = try await trial.survive(on: bus) {
                            try await Broker.signal("STOP")
                            try await Task.sleep(for: .seconds(pause))
                            try await Broker.signal("CONT")
                        }
                        try await trial.judge("8", seconds)
                        #expect((proxy.accepted > before) == isLeft)
                    }
                }
            }
        }

        @Test("A publisher that was frozen until the broker has left it publishes again when it thaws")
        func frozenPublisher() async throws {
            try await PublishTrial.with { trial in
                let journal = FileManager.default.temporaryDirectory.appending(path: "\(trial.queue)").path
                #expect(FileManager.default.createFile(atPath: journal, contents: nil))
                defer { try? FileManager.default.removeItem(atPath: journal) }
                func lines() -> [String] {
                    String(decoding: FileManager.default.contents(atPath: journal) ?? Data(), as: UTF8.self)
                        .split(separator: "\n").map(String.init)
                }
                async let child = #expect(processExitsWith: .signal(SIGKILL)) {
                    [topic = trial.topic.name as String, journal = journal as String] in
                    try await PublishTrial.publishForever(to: topic, journal: journal)
                }
                try await eventually(within: .seconds(20), "the first messages") { lines().count > 10 }
                let process = try #require(lines().first.flatMap { Int32($0) })
                defer { kill(process, SIGKILL) }
                kill(process, SIGSTOP)
                // The broker leaves after two to three heartbeats.
                try await Task.sleep(for: .seconds(5))
                let count = lines().count
                kill(process, SIGCONT)
                let start = ContinuousClock.now
                try await eventually(within: .seconds(10), "the next message") { lines().count > count }
                let seconds = start.duration(to: .now) / .seconds(1)
                kill(process, SIGKILL)
                _ = await child
                trial.note(confirmed: lines().dropFirst())
                try await trial.judge("9", seconds)
            }
        }

        @Test("A frozen broker is told of with figures, although the connection is still there")
        func silence() async throws {
            try await Broker.withBus(try Broker.configuration()) { bus in
                try await PublishTrial.with { trial in
                    await trial.publish(1, to: bus)
                    #expect(bus.health.isReady)
                    try await Broker.signal("STOP")
                    async let outcome = trial.publish(1, to: bus)
                    do {
                        try await eventually(within: .seconds(15), "the health to tell") {
                            bus.health.problems.contains {
                                $0.hasPrefix("RabbitMQ: no event was confirmed for 1") && $0.hasSuffix("s, waiting: 1")
                            }
                        }
                    } catch {
                        try await Broker.signal("CONT")
                        throw error
                    }
                    try await Broker.signal("CONT")
                    #expect(await outcome.allSatisfy(\.isConfirmed))
                    #expect(bus.health.isReady)
                }
            }
        }

        @Test("On a slow network messages are published that take longer than a confirm may take")
        func slowNetwork() async throws {
            try await Broker.withProxiedBus {
                $0.confirmTimeout = .seconds(3)
            } _: { bus, proxy in
                try await PublishTrial.with { trial in
                    await trial.publish(1, to: bus)
                    proxy.strike(.throttle(bytesPerSecond: 400_000))
                    #expect(await trial.publish(1, bodySize: 4_000_000, to: bus).allSatisfy(\.isConfirmed))
                    #expect(proxy.accepted == 1)
                    proxy.heal()
                    try await trial.judge("10", 0)
                }
            }
        }

        @Test(
            "During an alarm events fail in time and copies wait, and both go on at its end",
            arguments: [
                ("11", "set_vm_memory_high_watermark 0", "set_vm_memory_high_watermark 0.4"),
                ("12", "set_disk_free_limit 1000000GB", "set_disk_free_limit 50MB"),
            ]
        )
        func alarm(_ scenario: String, _ start: String, _ end: String) async throws {
            var configuration = try Broker.configuration()
            configuration.confirmTimeout = .seconds(2)
            try await Broker.withBus(configuration) { bus in
                try await PublishTrial.with { trial in
                    await trial.publish(1, to: bus)
                    try await Broker.ctl(start)
                    let outcomes: [PublishOutcome]
                    let copies: Bool
                    do {
                        // The broker reports the alarm only after the first message, and reads nothing after it.
                        outcomes = await trial.publish(1, to: bus) + trial.publish(1, to: bus)
                        try await eventually(within: .seconds(5), "the health to tell") {
                            bus.health.problems.contains { $0.contains("the broker has accepted no messages for") }
                        }
                        async let sent = bus.send([trial.copy()], through: bus.copies)
                        // Twice as long as an event would wait.
                        try await Task.sleep(for: .seconds(4))
                        try await Broker.ctl(end)
                        copies = await sent.allSatisfy(\.isConfirmed)
                    } catch {
                        try await Broker.ctl(end)
                        throw error
                    }
                    #expect(outcomes.allSatisfy { !$0.isConfirmed })
                    #expect(copies)
                    let start = ContinuousClock.now
                    try await eventually(within: .seconds(5), "the bus to publish again") {
                        await trial.publish(1, to: bus).allSatisfy(\.isConfirmed)
                    }
                    try await trial.judge(scenario, start.duration(to: .now) / .seconds(1))
                    #expect(bus.health.isReady)
                }
            }
        }

        @Test("What was confirmed before a shutdown under load is stored, and every outcome is known")
        func shutdown() async throws {
            try await PublishTrial.with { trial in
                let outcomes = try await withThrowingTaskGroup(of: [PublishOutcome].self) { group in
                    try await Broker.withBus { bus in
                        for _ in 0..<50 { group.addTask { await trial.publish(50, to: bus) } }
                        try await eventually(within: .seconds(10), "the first messages") { trial.confirmedCount > 0 }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(outcomes.count == 2500)
                try await trial.judge("33", 0)
            }
        }
    }
}
