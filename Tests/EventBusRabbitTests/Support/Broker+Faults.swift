// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import NIOCore
import Synchronization
import TestProxy
import Testing

@testable import EventBusRabbit

extension Broker {
    /// The tests' own broker behind a proxy; the configuration and the proxy.
    static func withProxy(
        _ change: (inout RabbitConfiguration) -> Void = { _ in },
        _ body: (RabbitConfiguration, TCPProxy) async throws -> Void
    ) async throws {
        var parts = try #require(URLComponents(string: Broker.url ?? ""))
        try await TCPProxy.with(to: try #require(parts.port), .amqp) { proxy in
            parts.port = proxy.port
            var configuration = try Broker.configuration(url: try #require(parts.string))
            change(&configuration)
            try await body(configuration, proxy)
        }
    }

    /// A bus whose connections all go through a proxy.
    static func withProxiedBus(
        _ change: (inout RabbitConfiguration) -> Void = { _ in },
        _ body: (RabbitEventBus, TCPProxy) async throws -> Void
    ) async throws {
        try await Broker.withProxy(change) { configuration, proxy in
            try await Broker.withBus(configuration) { bus in try await body(bus, proxy) }
        }
    }

    /// Runs `rabbitmqctl`.
    static func ctl(_ arguments: String) async throws {
        let control = try #require(Broker.control)
        #expect(try await Broker.shell("\(control) \(arguments)") == 0)
    }

    /// Runs the script that controls the servers.
    static func infra(_ arguments: String) async throws {
        let script = try #require(ProcessInfo.processInfo.environment["INFRA"])
        #expect(try await Broker.shell("'\(script)' \(arguments)") == 0)
    }

    /// Sends the broker's process a signal, such as `STOP`, and waits until all its threads have stopped.
    static func signal(_ name: String) async throws {
        let file = try #require(ProcessInfo.processInfo.environment["RABBITMQ_PID_FILE"])
        // On a loaded machine a thread can still confirm a message after the signal was sent.
        let wait = """
            while grep -L '^State:.T' /proc/$process/task/*/status 2>/dev/null | grep -q .; do sleep 0.01; done
            """
        let command = "process=$(cat '\(file)') && kill -\(name) $process"
        #expect(try await Broker.shell(name == "STOP" ? "\(command) && \(wait)" : command) == 0)
    }

    /// Creates a user for the length of `body`, with a configuration to log in as that user.
    static func withUser(
        configure: String,
        write: String,
        read: String,
        _ body: (_ user: String, RabbitConfiguration) async throws -> Void
    ) async throws {
        let user = "u-\(Stamp.next().id)"
        var parts = try #require(URLComponents(string: Broker.url ?? ""))
        (parts.user, parts.password) = (user, "secret")
        try await Broker.addUser(user, "secret", [configure, write, read])
        do {
            try await body(user, try Broker.configuration(url: try #require(parts.string)))
        } catch {
            try? await Broker.deleteUser(user)
            throw error
        }
        try await Broker.deleteUser(user)
    }

    /// Declares a queue that gets what is published with a topic.
    static func declare(_ queue: String, boundTo topic: Topic, _ arguments: [(String, HeaderValue)] = []) async throws {
        try await Broker.withChannel { connection, channel in
            try await connection.call(.exchangeDeclare(name: Topology.exchange, type: "topic"), on: channel)
            let quorum: [(String, HeaderValue)] = [("x-queue-type", .string("quorum"))]
            let declare = ClientMethod.queueDeclare(name: queue, passive: false, arguments: quorum + arguments)
            try await connection.call(declare, on: channel)
            let bind = ClientMethod.queueBind(queue: queue, exchange: Topology.exchange, routingKey: topic.name)
            try await connection.call(bind, on: channel)
        }
    }
}

/// A queue of its own for one test, and a publisher that never stops to publish to it.
final class PublishTrial: Sendable {
    private struct State {
        var confirmed: Set<String> = []
        var lastConfirmed: ContinuousClock.Instant?
    }

    let topic: Topic
    let queue: String
    private let state = Mutex(State())

    private init(topic: Topic, queue: String) {
        (self.topic, self.queue) = (topic, queue)
    }

    static func with(_ body: (PublishTrial) async throws -> Void) async throws {
        let word = "p-\(Stamp.next().id)"
        let trial = PublishTrial(topic: try Topic("\(word).event"), queue: "\(word).queue")
        try await Broker.declare(trial.queue, boundTo: trial.topic)
        do {
            try await body(trial)
        } catch {
            try? await Broker.delete([trial.queue])
            throw error
        }
        try await Broker.delete([trial.queue])
    }

    var confirmedCount: Int { self.state.withLock { $0.confirmed.count } }

    func message(bodySize: Int = 2) -> Message {
        let stamp = Stamp.next()
        return Message(
            id: stamp.id.description,
            topic: self.topic,
            time: stamp.time,
            body: Array(repeating: UInt8(ascii: "1"), count: bodySize)
        )
    }

    /// A message for the queue itself, as a retry would be.
    func copy() -> Outgoing {
        .copy(
            OutgoingMessage(
                exchange: "",
                routingKey: self.queue,
                mandatory: true,
                properties: Properties(),
                headers: HeaderTable(),
                body: ByteBuffer(string: "copy")
            )
        )
    }

    /// Publishes, and remembers what was confirmed.
    @discardableResult
    func publish(_ count: Int, bodySize: Int = 2, to bus: RabbitEventBus) async -> [PublishOutcome] {
        let messages = (0..<count).map { _ in self.message(bodySize: bodySize) }
        let outcomes = await bus.publish(messages)
        self.state.withLock { state in
            for (message, outcome) in zip(messages, outcomes) where outcome.isConfirmed {
                state.confirmed.insert(message.id)
                state.lastConfirmed = .now
            }
        }
        return outcomes
    }

    /// Publishes all the time, before, during and after a disturbance that ends when the broker is back.
    ///
    /// - Returns: how many seconds after that the first message was confirmed.
    func survive(
        on bus: RabbitEventBus,
        batch: Int = 10,
        bodySize: Int = 2,
        _ disturb: () async throws -> Void
    ) async throws -> Double {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    await self.publish(batch, bodySize: bodySize, to: bus)
                    // Not as fast as possible, since every message is read again at the end.
                    try? await Task.sleep(for: .milliseconds(10))
                }
            }
            try await eventually(within: .seconds(10), "the first messages") { self.confirmedCount >= 50 }
            try await disturb()
            let back = ContinuousClock.now
            let first = try await eventually(within: .seconds(30), "a message to be confirmed after that") {
                self.state.withLock { state in state.lastConfirmed.flatMap { $0 > back ? $0 : nil } }
            }
            group.cancelAll()
            try await group.waitForAll()
            return back.duration(to: first) / .seconds(1)
        }
    }

    /// Publishes one message after the other for ever, and writes the id of this process and those of confirmed messages into a file.
    static func publishForever(to topic: String, journal: String) async throws {
        var configuration = try Broker.configuration()
        configuration.heartbeat = .seconds(1)
        let file = try #require(FileHandle(forWritingAtPath: journal))
        try file.write(contentsOf: Data("\(ProcessInfo.processInfo.processIdentifier)\n".utf8))
        let trial = PublishTrial(topic: try Topic(topic), queue: "")
        try await Broker.withBus(configuration) { bus in
            while true {
                let message = trial.message()
                if await bus.publish([message])[0].isConfirmed {
                    try file.write(contentsOf: Data("\(message.id)\n".utf8))
                }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    /// Another process has had these messages confirmed.
    func note(confirmed ids: some Sequence<String>) {
        self.state.withLock { $0.confirmed.formUnion(ids) }
    }

    /// How many confirmed messages are not in the queue.
    func lost() async throws -> Int {
        let stored = try await Broker.peek(self.queue).map { ReceivedMessage($0).messageID }
        return self.state.withLock { $0.confirmed.subtracting(stored).count }
    }

    /// Nothing is lost, and publishing works again within five seconds.
    func judge(_ fault: String, _ seconds: Double, limit: Double = 5) async throws {
        #expect(self.confirmedCount > 0)
        report(fault: fault, lost: try await self.lost(), seconds: seconds, limit: limit)
    }
}
