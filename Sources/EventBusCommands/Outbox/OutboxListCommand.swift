// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusPostgres

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `eventbus outbox list`: the oldest events of an outbox.
public struct OutboxListCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the oldest events of an outbox, without their bodies.",
        discussion: "With --json, one line for each event."
    )

    @Argument(help: "The module's schema.")
    var schema: String

    @Option(help: "Only events of this topic.", transform: { try Topic($0) })
    var topic: Topic?

    @Flag(help: "Only events that are held back.")
    var heldBack = false

    @Option(help: "Show so many at most.")
    var limit = 100

    @OptionGroup var postgres: PostgresOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Checks the options.
    public func validate() throws {
        if self.limit < 1 { throw ValidationError("--limit is \(self.limit), must be at least 1") }
    }

    /// Lists the events.
    public func execute(_ console: Console) async throws {
        let events = try await OutboxInspector.withSession(try self.postgres.configuration()) { inspector in
            try await inspector.events(
                of: self.schema,
                topic: self.topic?.name,
                isWaiting: self.heldBack,
                limit: self.limit
            )
        }
        guard !console.isJSON else {
            for event in events { console.show(Self.json(event), text: "") }
            return
        }
        var table = Table("ROW", "TIME", "TOPIC", "ID", "KEY", "BYTES", "HELD BACK")
        for event in events {
            table.add(
                "\(event.row)",
                event.time.map(EventCoding.text) ?? "-",
                event.topic,
                event.id,
                event.key ?? "-",
                "\(event.bytes)",
                event.cause?.text ?? "-"
            )
        }
        console.show(.null, text: table.text)
    }

    private static func json(_ event: OutboxEvent) -> JSONValue {
        .object([
            "row": .int(event.row),
            "id": .string(event.id),
            "topic": .string(event.topic),
            "source": .string(event.source),
            "time": .time(event.time),
            "key": .string(event.key),
            "bodyBytes": .int(event.bytes),
            "heldBack": event.cause?.json ?? .null,
        ])
    }
}
