// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Logging
import NIOCore
import NIOPosix
import Testing

@_spi(Verification) @testable import EventBusRabbit

/// The broker of the integration tests, as a plain AMQP client sees it.
struct Broker: Sendable {
    static let url = ProcessInfo.processInfo.environment["RABBITMQ_URL"]

    /// The script that controls the servers, from a shell; set by `scripts/test --integration`.
    static let infra = ProcessInfo.processInfo.environment["INFRA"].map { "'\($0)'" }

    /// A shell command that runs `rabbitmqctl` with the arguments that follow.
    static let control = infra.map { "\($0) rabbitmqctl" }

    /// A shell command that kills the broker with SIGKILL, starts it again and returns when it responds.
    static let restart = infra.map { "\($0) kill rabbit && \($0) start rabbit" }

    static let tlsURL = ProcessInfo.processInfo.environment["RABBITMQ_TLS_URL"]
    static let mutualTLSURL = ProcessInfo.processInfo.environment["RABBITMQ_MUTUAL_TLS_URL"]
    static let authority = ProcessInfo.processInfo.environment["TLS_AUTHORITY"] ?? ""
    static let otherAuthority = ProcessInfo.processInfo.environment["TLS_OTHER_AUTHORITY"] ?? ""

    static func configuration() throws -> RabbitConfiguration {
        try Broker.configuration(url: Broker.url ?? "amqp://localhost")
    }

    /// A configuration with which no message waits until a new retry queue has settled.
    static func configuration(url: String) throws -> RabbitConfiguration {
        var configuration = try RabbitConfiguration(url: url)
        configuration.queueSettling = .zero
        return configuration
    }

    /// Runs a bus for the length of `body`.
    static func withBus(
        _ configuration: RabbitConfiguration? = nil,
        _ body: (RabbitEventBus) async throws -> Void
    ) async throws {
        let configuration = try configuration ?? Broker.configuration()
        let bus = RabbitEventBus(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await bus.run() } catch is CancellationError {}
            }
            try await body(bus)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// A connection and a channel for the length of `body`.
    static func withChannel<Result>(
        _ body: (RabbitConnection, NIOLoopBound<AMQPChannel>) async throws -> Result
    ) async throws -> Result {
        let connection = try await RabbitConnection.open(
            Broker.configuration(),
            name: "test",
            on: MultiThreadedEventLoopGroup.singleton.next()
        )
        do {
            let result = try await body(connection, try await connection.openChannel())
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// The messages in a queue, which keeps them.
    static func peek(_ queue: String) async throws -> [IncomingMessage] {
        try await Broker.withChannel { connection, channel in
            var messages: [IncomingMessage] = []
            while true {
                guard case .message(let message) = try await connection.call(.basicGet(queue: queue), on: channel)
                else { return messages }
                messages.append(message)
            }
        }
    }

    /// How many messages in a queue are ready for delivery.
    static func count(_ queue: String) async throws -> Int {
        try await Broker.withChannel { connection, channel in
            let declare = ClientMethod.queueDeclare(name: queue, passive: true, arguments: [])
            guard case .method(.queueDeclareOk(let messages, _)) = try await connection.call(declare, on: channel)
            else {
                return -1
            }
            return Int(messages)
        }
    }

    /// Publishes as another program might.
    static func publish(
        _ body: ByteBuffer,
        routingKey: String,
        exchange: String = Topology.exchange,
        properties: Properties = Properties(),
        headers: [(String, HeaderValue)] = []
    ) async throws {
        let message = OutgoingMessage(
            exchange: exchange,
            routingKey: routingKey,
            mandatory: true,
            properties: properties,
            headers: HeaderTable(headers),
            body: body
        )
        try await Broker.withChannel { connection, channel in
            try await connection.onLoop { handler in
                try handler.write { buffer throws(CodecError) in
                    try FrameEncoder.publish(
                        message,
                        channel: channel.value.number,
                        maximumFrame: handler.frameMax,
                        into: &buffer
                    )
                }
                handler.flush()
            }
            // The answer comes after the message has been routed.
            try await connection.call(.channelClose, on: channel)
        }
    }

    /// Deletes queues, or what another method deletes, without waiting for an answer.
    static func delete(
        _ queues: [String],
        with method: (classID: UInt16, methodID: UInt16, flags: UInt8) = (50, 40, 4)
    ) async throws {
        try await Broker.withChannel { connection, channel in
            try await connection.onLoop { handler in
                try handler.write { buffer throws(CodecError) in
                    for queue in queues {
                        buffer.writeMultipleIntegers(UInt8(1), channel.value.number, UInt32(8 + queue.utf8.count))
                        buffer.writeMultipleIntegers(
                            method.classID,
                            method.methodID,
                            UInt16(0),
                            UInt8(queue.utf8.count)
                        )
                        buffer.writeString(queue)
                        buffer.writeMultipleIntegers(method.flags, Frame.end)
                    }
                }
                handler.flush()
            }
            try await connection.call(.channelClose, on: channel)
        }
    }

    static func delete(_ subscription: SubscriptionName) async throws {
        let queues = try await Broker.withChannel { connection, channel in
            for exchange in [Topology.shardExchange(subscription), Topology.keylessExchange(subscription)] {
                try await connection.call(.exchangeDelete(name: exchange), on: channel)
            }
            return try await connection.queues(of: subscription)
        }
        try await Broker.delete(queues)
    }

    /// Deletes the events exchange, with all bindings, without waiting for an answer.
    static func deleteExchange() async throws {
        try await Broker.withChannel { connection, channel in
            try await connection.onLoop { handler in
                try handler.write { buffer throws(CodecError) in
                    let name = Topology.exchange
                    buffer.writeMultipleIntegers(UInt8(1), channel.value.number, UInt32(8 + name.utf8.count))
                    buffer.writeMultipleIntegers(UInt16(40), UInt16(20), UInt16(0), UInt8(name.utf8.count))
                    buffer.writeString(name)
                    buffer.writeMultipleIntegers(UInt8(2), Frame.end)
                }
                handler.flush()
            }
            try await connection.call(.channelClose, on: channel)
        }
    }

    /// A name that no other test uses, for a subscription to everything below it.
    static func subscription(
        _ ordering: Ordering = .none,
        prefetch: Int = 64,
        shards: Int = 1,
        retryDelays: [Duration] = [.seconds(1)]
    ) throws -> (Subscription, Topic) {
        let word = "t-\(Stamp.next().id)"
        let subscription = try Subscription(
            SubscriptionName("\(word).main"),
            patterns: [TopicPattern("\(word).#")],
            prefetch: prefetch,
            ordering: ordering,
            shards: shards,
            retryDelays: retryDelays
        )
        return (subscription, try Topic("\(word).event"))
    }

    /// Runs `rabbitmqctl`, which must succeed.
    static func rabbitmqctl(_ arguments: String) async throws {
        let control = try #require(Broker.control)
        let status = try await Broker.shell("\(control) -q \(arguments)")
        try #require(status == 0, "rabbitmqctl \(arguments)")
    }

    /// A configuration for a user who has these rights only, for the length of `body`.
    static func withUser(
        configure: String,
        write: String,
        read: String,
        _ body: (RabbitConfiguration) async throws -> Void
    ) async throws {
        let user = "u-\(Stamp.next().id)"
        try await Broker.addUser(user, "geheim", [configure, write, read])
        let address = try #require(Broker.url?.split(separator: "@").last)
        let result = await Result { try await body(try Broker.configuration(url: "amqp://\(user):geheim@\(address)")) }
        try await Broker.deleteUser(user)
        try result.get()
    }

    /// Creates a user who may configure, write and read what matches three regular expressions.
    static func addUser(_ user: String, _ password: String, _ rights: [String]) async throws {
        let texts = rights.map { "<<\"\($0.replacing("\\", with: "\\\\"))\">>" }.joined(separator: ", ")
        try await Broker.erlang(
            """
            rabbit_auth_backend_internal:add_user(<<"\(user)">>, <<"\(password)">>, <<"test">>),
            rabbit_auth_backend_internal:set_permissions(<<"\(user)">>, <<"/">>, \(texts), <<"test">>)
            """
        )
    }

    static func deleteUser(_ user: String) async throws {
        try await Broker.erlang(#"rabbit_auth_backend_internal:delete_user(<<"\#(user)">>, <<"test">>)"#)
    }

    /// Evaluates Erlang in the broker.
    private static func erlang(_ expression: String) async throws {
        let status = try await Broker.shell("\(try #require(Broker.infra)) erlang '\(expression)'")
        try #require(status == 0, "\(expression)")
    }

    /// Runs a shell command and returns its exit code.
    static func shell(_ command: String) async throws -> Int32 {
        try await NIOThreadPool.singleton.runIfActive {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", command]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
    }
}
