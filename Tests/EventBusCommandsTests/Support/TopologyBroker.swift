// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import EventBusCommands
@testable import EventBusRabbit

/// The broker of the tests of `topology`, `subscriptions` and `doctor`, which run within the tests' process.
enum TopologyBroker {
    static let url = ProcessInfo.processInfo.environment["RABBITMQ_URL"]
    static let management = ProcessInfo.processInfo.environment["RABBITMQ_MANAGEMENT_URL"]
    private static let infra = ProcessInfo.processInfo.environment["INFRA"].map { "'\($0)'" }
    static let isControlled = infra != nil

    struct Result: Sendable {
        let code: Int32
        let out: String
        let err: String

        /// The values of a key of the objects in the list of another key.
        func values(_ key: String, of list: String) throws -> [String] {
            let object = try JSONSerialization.jsonObject(with: Data(self.out.utf8))
            let items = (object as? [String: Any])?[list] as? [[String: Any]]
            return try #require(items, "\(self.out)").compactMap { $0[key] as? String }
        }

        func value<Value>(_ key: String, as type: Value.Type = Value.self) throws -> Value {
            let object = try JSONSerialization.jsonObject(with: Data(self.out.utf8))
            return try #require((object as? [String: Any])?[key] as? Value, "\(key) in \(self.out)")
        }
    }

    /// Runs a command that says `--json`, with the broker's address.
    ///
    /// - Parameter subscriptions: what the file of `--subscriptions` has, if there is to be one.
    static func run(
        _ arguments: String...,
        subscriptions: [Subscription] = [],
        management: String? = nil,
        url: String? = nil
    ) async throws -> Result {
        let isManaged = !["move", "remove"].contains { arguments.contains($0) }
        var arguments = arguments + ["--json", "--rabbitmq-url", try #require(url ?? self.url)]
        if isManaged { arguments += ["--management-url", management ?? ""] }
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        if !subscriptions.isEmpty {
            try Data(SubscriptionFile.text(of: subscriptions).text.utf8).write(to: file)
            arguments += ["--subscriptions", file.path]
        }
        let command = try #require(try EventBusCommand.parseAsRoot(arguments) as? any OperatorCommand)
        let lines = Mutex<(out: [String], err: [String])>(([], []))
        let console = Console(
            isJSON: true,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            out: { line in lines.withLock { $0.out.append(line) } },
            err: { line in lines.withLock { $0.err.append(line) } }
        )
        var code: Int32 = 0
        do {
            try await command.execute(console)
        } catch {
            code = CommandExit.code(for: error).rawValue
            if !(error is ExitCode) { console.tell("\(error)") }
        }
        let (out, err) = lines.withLock { ($0.out.joined(separator: "\n"), $0.err.joined(separator: "\n")) }
        return Result(code: code, out: out, err: err)
    }

    static func withBus<Value: Sendable>(_ body: (RabbitEventBus) async throws -> Value) async throws -> Value {
        let options = try RabbitOptions.parse(["--rabbitmq-url", try #require(self.url)])
        let console = Console(
            isJSON: true,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            out: { _ in },
            err: { _ in }
        )
        return try await options.withBus(console, body)
    }

    /// Carries out AMQP methods.
    static func call(_ methods: ClientMethod...) async throws {
        let connection = try await RabbitConnection.open(
            RabbitConfiguration(url: try #require(self.url)),
            name: "test",
            on: MultiThreadedEventLoopGroup.singleton.next()
        )
        do {
            let channel = try await connection.openChannel()
            for method in methods { try await connection.call(method, on: channel) }
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    static func rabbitmqctl(_ arguments: String) async throws {
        try await self.shell("\(try #require(self.infra)) rabbitmqctl -q \(arguments)")
    }

    /// Evaluates Erlang in the broker.
    static func erlang(_ expression: String) async throws {
        try await self.shell("\(try #require(self.infra)) erlang '\(expression)'")
    }

    private static func shell(_ command: String) async throws {
        let status = try await NIOThreadPool.singleton.runIfActive {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", command]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        try #require(status == 0, "\(command)")
    }

    /// A subscription whose name no other test has.
    static func subscription(_ ordering: Ordering = .none, shards: Int = 1) throws -> Subscription {
        let word = "c-\(Stamp.next().id)"
        return try Subscription(
            SubscriptionName("\(word).main"),
            patterns: [TopicPattern("\(word).a"), TopicPattern("\(word).b.#")],
            ordering: ordering,
            shards: shards,
            retryDelays: [.seconds(1)]
        )
    }

    /// Deletes everything that a subscription may have, and its interim one.
    static func delete(_ subscription: Subscription) async throws {
        let name = subscription.name
        let names = SubscriptionCensus.queues(of: name).map(\.1) + ["\(name).renewal", "\(name).renewal.dead"]
        let shards = [Topology.shardExchange(name), Topology.keylessExchange(name)]
        try await self.call(.exchangeDelete(name: shards[0]), .exchangeDelete(name: shards[1]))
        for queue in try await self.withBus({ try await $0.counts(of: names) }).keys {
            try await self.call(.queueDelete(name: queue))
        }
    }
}
