// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// The statements for the outbox, and the conversion between messages and rows.
struct OutboxRows: Sendable {
    private let insertOne: SQL
    private let insertSeveral: SQL
    private let deleteSQL: SQL
    private let nextSQL: SQL
    let oldest: Statement

    private static let columns = [
        "message_id", "topic", "type", "version", "source", "time", "ordering_key", "requires_subscriber",
        "content_type", "headers", "body",
    ]

    private static let types: [PostgresType] = [
        .text, .text, .text, .int4, .text, .timestamptz, .text, .bool, .text, .bytea, .bytea,
    ]

    init(schema: SchemaName) {
        let table = schema.table("outbox")
        let list = Self.columns.joined(separator: ", ")
        let places = Self.columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        self.insertOne = SQL("INSERT INTO \(table) (\(list)) VALUES (\(places))")
        // Ids are assigned in the order of the arrays, in which the events were published.
        self.insertSeveral = SQL(
            """
            INSERT INTO \(table) (\(list)) SELECT \(list) FROM unnest(\(places)) \
            WITH ORDINALITY AS u(\(list), place) ORDER BY place
            """
        )
        self.deleteSQL = SQL("DELETE FROM \(table) WHERE id = ANY($1)")
        self.oldest = Statement("SELECT time FROM \(table) ORDER BY id LIMIT 1")
        let qualifiedList = Self.columns.map { "o.\($0)" }.joined(separator: ", ")
        self.nextSQL = SQL(NextRowsQuery(table: table, columns: qualifiedList).text)
    }

    func insert(_ messages: [Message]) throws(PostgresError) -> Statement {
        if messages.count == 1 { return Statement(self.insertOne, try Self.row(messages[0])) }
        var rows: [[Parameter]] = []
        rows.reserveCapacity(messages.count)
        for message in messages { rows.append(try Self.row(message)) }
        let columns = Self.types.indices.map { index in
            Parameter.array(of: Self.types[index], rows.map { $0[index] })
        }
        return Statement(self.insertSeveral, columns)
    }

    private static func row(_ message: Message) throws(PostgresError) -> [Parameter] {
        // `Message.checkStorable` has rejected other versions.
        guard let version = Int32(exactly: message.version) else {
            throw PostgresError(.invalidValue, detail: "a message's version must fit into 32 bits")
        }
        return [
            try .text(message.id), try .text(message.topic.name), try .text(message.type),
            .int4(version), try .text(message.source), try .timestamp(message.time),
            try message.orderingKey.map { key throws(PostgresError) in try .text(key) } ?? .null(.text),
            .bool(message.requiresSubscriber), try .text(message.contentType),
            try StoredHeaders.encode(message.headers).map(Parameter.bytes) ?? .null(.bytea),
            .bytes(message.body),
        ]
    }

    func delete(_ ids: [OutboxRow.ID]) -> Statement {
        Statement(self.deleteSQL, [.array(of: .int8, ids.map { .int8($0) })])
    }

    /// Selects the rows to publish next; `rows(_:)` reads the result.
    func next(limit: Int, except held: HeldRows, afterKey key: String) throws(PostgresError) -> Statement {
        var topics: [Parameter] = []
        for topic in held.topics { topics.append(try .text(topic.name)) }
        return Statement(
            self.nextSQL,
            [
                .int8(Int64(limit)), .array(of: .text, topics), .array(of: .int8, held.rows.map { .int8($0) }),
                try .text(key), .int8(Int64(limit * 2 + held.rows.count)),
            ]
        )
    }

    /// The rows, and the key at which the walk over the ordering keys ended; `nil` if it reached the last key or there
    /// was none.
    func rows(_ rows: Rows) throws(PostgresError) -> (rows: [OutboxRow], lastKey: String?) {
        var found: [OutboxRow] = []
        var lastKey: String?
        for row in rows {
            if !row.isNull(0) { lastKey = try row.text(0) }
            guard !row.isNull(1) else { continue }
            found.append(OutboxRow(id: try row.int8(1), message: try Self.message(row)))
        }
        return (found, lastKey)
    }

    private static func message(_ row: Row) throws(PostgresError) -> Message {
        Message(
            id: try row.text(2),
            topic: Topic(foreign: try row.text(3)),
            type: try row.text(4),
            version: Int(try row.int4(5)),
            source: try row.text(6),
            time: try row.timestamp(7),
            orderingKey: row.isNull(8) ? nil : try row.text(8),
            requiresSubscriber: try row.bool(9),
            contentType: try row.text(10),
            headers: try StoredHeaders.decode(row.bytes(11)),
            body: row.bytes(12) ?? []
        )
    }
}
