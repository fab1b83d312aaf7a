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
    /// Brokers that do not want what is published.
    @Suite("Messages that RabbitMQ refuses", .enabled(if: Broker.control != nil), .serialized, .timeLimit(.minutes(3)))
    struct RabbitRefusalTests {
        @Test("A message beyond the broker's limit costs others nothing but one channel")
        func tooLarge() async throws {
            try await self.withLimit(100_000) {
                try await Broker.withProxiedBus { bus, proxy in
                    try await PublishTrial.with { trial in
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            group.addTask {
                                while !Task.isCancelled {
                                    let outcomes = await trial.publish(1, bodySize: 200_000, to: bus)
                                    if case .confirmed = outcomes[0] { Issue.record("larger than the limit") }
                                    try? await Task.sleep(for: .milliseconds(5))
                                }
                            }
                            try await eventually(within: .seconds(10), "800 small messages") {
                                await trial.publish(20, to: bus)
                                return trial.confirmedCount >= 800
                            }
                            group.cancelAll()
                        }
                        guard case .refused(let reason) = await trial.publish(1, bodySize: 200_000, to: bus)[0] else {
                            Issue.record("not refused")
                            return
                        }
                        #expect(
                            reason == "the body has 200000 bytes, the broker accepts at most 100000 (max_message_size)"
                        )
                        #expect(proxy.accepted == 1)
                        #expect(bus.health.isReady)
                        try await trial.judge("C7", 0)
                    }
                }
            }
        }

        /// The broker takes bodies up to a limit for the length of `body`; where it keeps that depends on its version.
        private func withLimit(_ limit: Int, _ body: () async throws -> Void) async throws {
            func set(_ limit: Int) async throws {
                let both = "application:set_env(rabbit, max_message_size, \(limit))"
                try await Broker.ctl("eval '\(both), persistent_term:put(max_message_size, \(limit)).'")
            }
            try await set(limit)
            do {
                try await body()
            } catch {
                try await set(16_777_216)
                throw error
            }
            try await set(16_777_216)
        }

        @Test("When the exchange is deleted it is declared again, and only the channel is opened again")
        func exchangeDeleted() async throws {
            try await Broker.withProxiedBus { bus, proxy in
                try await PublishTrial.with { trial in
                    let seconds = try await trial.survive(on: bus) {
                        try await Broker.deleteExchange()
                        // What the queue's owner does, which this test has none of.
                        try await Broker.declare(trial.queue, boundTo: trial.topic)
                    }
                    try await trial.judge("14", seconds)
                    #expect(proxy.accepted == 1)
                    try await Broker.deleteExchange()
                    try await eventually(within: .seconds(5), "the exchange to be there again") {
                        if case .unroutable = await bus.publish([trial.message()])[0] { true } else { false }
                    }
                    #expect(proxy.accepted == 1)
                }
            }
        }

        @Test("A publisher needs no more than the right to write to the exchange")
        func leastRights() async throws {
            try await PublishTrial.with { trial in
                try await Broker.withUser(configure: "^$", write: "^events$", read: "^$") { _, configuration in
                    try await Broker.withBus(configuration) { bus in
                        #expect(await trial.publish(1, to: bus).allSatisfy(\.isConfirmed))
                        #expect(bus.health.isReady)
                        // Copies go to the default exchange: that right is missing, and costs events nothing.
                        for _ in 0..<20 {
                            let outcome = await bus.send([trial.copy()], through: bus.copies)[0]
                            #expect(!outcome.isConfirmed)
                            #expect(await trial.publish(1, to: bus).allSatisfy(\.isConfirmed))
                            let problems = bus.health.problems
                            #expect(problems.count == 1)
                            #expect(problems.first?.contains("retries and dead letters") == true)
                            #expect(problems.first?.contains("exchange 'amq.default'") == true)
                        }
                    }
                }
            }
        }

        @Test("A right that is missing is named, and publishing works within five seconds after it was given")
        func missingRight() async throws {
            try await PublishTrial.with { trial in
                try await Broker.withUser(configure: "^$", write: "^$", read: "^$") { user, configuration in
                    try await Broker.withBus(configuration) { bus in
                        for _ in 0..<10 {
                            #expect(await !trial.publish(1, to: bus).contains(where: \.isConfirmed))
                            try await Task.sleep(for: .milliseconds(100))
                        }
                        #expect(bus.health.problems.first?.contains("exchange 'events'") == true)
                        try await Broker.ctl("set_permissions \(user) '^$' '^events$' '^$'")
                        let start = ContinuousClock.now
                        try await eventually(within: .seconds(10), "the right to be used") {
                            await trial.publish(1, to: bus).allSatisfy(\.isConfirmed)
                        }
                        try await trial.judge("15", start.duration(to: .now) / .seconds(1))
                        #expect(bus.health.isReady)
                    }
                }
            }
        }

        @Test("A password that is wrong is named, and a new one of the broker's is used")
        func wrongPassword() async throws {
            try await PublishTrial.with { trial in
                try await Broker.withUser(configure: ".*", write: ".*", read: ".*") { user, configuration in
                    try await Broker.ctl("change_password \(user) other")
                    try await Broker.withBus(configuration) { bus in
                        try await eventually(within: .seconds(5), "the reason") {
                            bus.health.problems.contains { $0.contains("403 ACCESS_REFUSED") }
                        }
                        try await Broker.ctl("change_password \(user) secret")
                        let start = ContinuousClock.now
                        try await eventually(within: .seconds(10), "the login") {
                            await trial.publish(1, to: bus).allSatisfy(\.isConfirmed)
                        }
                        // A refused login is tried again ever more rarely.
                        try await trial.judge("16", start.duration(to: .now) / .seconds(1), limit: 10)
                    }
                }
            }
        }

        @Test("A queue that is full refuses messages, which are stored when it has room; the health names it")
        func fullQueue() async throws {
            try await Broker.withProxiedBus { bus, proxy in
                let topic = try Topic("full-\(Stamp.next().id).event")
                let arguments: [(String, HeaderValue)] = [
                    ("x-max-length", .int(3)), ("x-overflow", .string("reject-publish")),
                ]
                try await Broker.declare("\(topic)", boundTo: topic, arguments)
                let time = Stamp.next().time
                let start = ContinuousClock.now
                var refused = 0
                var confirmed: Set<String> = []
                while start.duration(to: .now) < .seconds(12) {
                    let message = Message(id: Stamp.next().id.description, topic: topic, time: time, body: [49])
                    switch await bus.publish([message])[0] {
                    case .refused: refused += 1
                    case .confirmed: confirmed.insert(message.id)
                    default: break
                    }
                    try await Task.sleep(for: .milliseconds(100))
                }
                #expect(refused > 50)
                #expect(
                    bus.health.notes.contains { $0.contains("\(topic): the broker has refused every message for 1") }
                )
                #expect(bus.health.notes.contains { $0.contains("the channel for events was replaced") })
                #expect(proxy.accepted == 1)
                let stored = try await Broker.peek("\(topic)").map { ReceivedMessage($0).messageID }
                try await Broker.ctl("purge_queue \(topic)")
                let purged = ContinuousClock.now
                try await eventually(within: .seconds(5), "the room to be used") {
                    let message = Message(id: Stamp.next().id.description, topic: topic, time: time, body: [49])
                    return await bus.publish([message])[0].isConfirmed
                }
                report(
                    fault: "19",
                    lost: confirmed.subtracting(stored).count,
                    seconds: purged.duration(to: .now) / .seconds(1)
                )
                #expect(bus.health.isReady)
                try await Broker.delete(["\(topic)"])
            }
        }

        @Test("Bodies of every size arrive intact, also those that fill their frames exactly")
        func sizes() async throws {
            try await Broker.withProxiedBus { bus, proxy in
                try await PublishTrial.with { trial in
                    let frame = 131_072 - Frame.overhead
                    let sizes = [0, 1, frame - 1, frame, frame + 1, 2 * frame, 8 * 1024 * 1024]
                    for size in sizes {
                        #expect(await trial.publish(1, bodySize: size, to: bus).allSatisfy(\.isConfirmed))
                    }
                    try await trial.judge("24", 0)
                    let stored = try await Broker.peek(trial.queue).map(\.body.readableBytes)
                    #expect(stored == sizes)
                    #expect(proxy.accepted == 1)
                    #expect(
                        await trial.publish(1, bodySize: 8 * 1024 * 1024 + 1, to: bus).contains(where: \.isConfirmed)
                            == false
                    )
                }
            }
        }

        @Test("Publishing goes on soon after the broker has lost confirms")
        func lostConfirms() async throws {
            var configuration = try Broker.configuration()
            configuration.confirmTimeout = .seconds(3)
            try await Broker.withBus(configuration) { bus in
                try await PublishTrial.with { trial in
                    var slowest = 0.0
                    // RabbitMQ 3.10 loses confirms, and can stop reading from the connection, when one of several queues of a message
                    // is deleted.
                    for round in 0..<3 {
                        let other = "\(trial.queue).\(round)"
                        try await Broker.declare(other, boundTo: trial.topic)
                        let seconds = try await trial.survive(on: bus, batch: 500) {
                            try await Broker.delete([other])
                            // For some seconds it may confirm nothing to anybody.
                            let start = ContinuousClock.now
                            try await eventually(
                                within: .seconds(30),
                                "the broker to confirm a new publisher's message"
                            ) {
                                var isConfirmed = false
                                try await Broker.withBus(configuration) { bus in
                                    isConfirmed = await bus.publish([trial.message()])[0].isConfirmed
                                }
                                return isConfirmed
                            }
                            print("another publisher: confirmed after \(start.duration(to: .now))")
                        }
                        // Before the time for a confirm is over nobody can know.
                        #expect(seconds <= 3 + 5)
                        slowest = max(slowest, seconds - 3)
                    }
                    try await trial.judge("37", slowest)
                }
            }
        }
    }
}
