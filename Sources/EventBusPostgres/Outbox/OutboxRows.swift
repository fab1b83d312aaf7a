// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The statements for the outbox, and the conversion between messages and rows.
struct OutboxRows: Sendable {
    private let insertOne: SQL
    private let insertSeveral: SQL
    private let deleteSQL: SQL
    private let moveSQL: SQL
    private let readSQL: SQL
    private let oldestSQL: SQL
    /// The greatest id so far, then what rows wait for, then the snapshot: what a reader begins with.
    let beginning: [Statement]
    /// A transaction that has removed something has an id of its own.
    static let snapshot = Statement("SELECT pg_current_snapshot()::text, pg_current_xact_id_if_assigned()::text")
    private static let ownID = Statement("SELECT pg_current_xact_id()::text")

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
        self.oldestSQL = SQL("SELECT time FROM \(table) WHERE id >= $1 AND isfinite(time) ORDER BY id LIMIT 1")
        self.moveSQL = SQL(
            "UPDATE \(table) o SET waits_for = move.lane FROM unnest($1, $2) AS move(id, lane) WHERE o.id = move.id"
        )
        self.readSQL = SQL(Self.read(from: table))
        self.beginning = [
            Statement(Self.frontier(of: table)), Statement(Self.lanes(of: table)), Self.ownID, Self.snapshot,
        ]
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

    /// Selects the time of the first row from an id on.
    func oldest(from id: OutboxRow.ID) -> Statement { Statement(self.oldestSQL, [.int8(id)]) }

    /// Writes what rows wait for.
    func move(_ moves: [OutboxRow.ID: Lane]) throws(PostgresError) -> Statement {
        var lanes: [Parameter] = []
        for lane in moves.values { lanes.append(try .text(lane.text)) }
        return Statement(self.moveSQL, [.array(of: .int8, moves.keys.map { .int8($0) }), .array(of: .text, lanes)])
    }

    func snapshot(_ rows: Rows) throws(PostgresError) -> TransactionSnapshot {
        try TransactionSnapshot(
            text: try rows[0].text(0),
            own: rows[0].isNull(1) ? nil : UInt64(try rows[0].text(1))
        )
    }

    func lanes(_ rows: Rows) throws(PostgresError) -> [Lane] {
        var lanes: [Lane] = []
        for row in rows { lanes.append(Lane(text: try row.text(0))) }
        return lanes
    }

    /// Selects the rows of a read; `found(_:)` decodes the result.
    func read(_ read: OutboxRead) throws(PostgresError) -> Statement {
        var names: [Parameter] = []
        for part in read.lanes { names.append(try .text(part.lane.text)) }
        return Statement(
            self.readSQL,
            [
                .int8(read.after), .int8(Int64(read.limit)),
                .array(of: .int8, read.missing.map { .int8($0.lowerBound) }),
                .array(of: .int8, read.missing.map { .int8($0.upperBound) }),
                .array(of: .text, names), .array(of: .int8, read.lanes.map { .int8($0.after) }),
                .array(of: .int8, read.lanes.map { .int8(Int64($0.limit)) }),
                .int8(read.known), .int8(Int64(read.bytes)), .array(of: .int8, read.seen.map { .int8($0) }),
            ]
        )
    }

    func found(_ rows: Rows) throws(PostgresError) -> [FoundRow] {
        var found: [FoundRow] = []
        found.reserveCapacity(rows.count)
        for row in rows {
            let (message, problem) = Self.content(row)
            found.append(
                FoundRow(
                    row: OutboxRow(id: try row.int8(0), message: message),
                    problem: problem,
                    lane: row.isNull(1) ? nil : Lane(text: try row.text(1)),
                    behind: row.isNull(2) ? nil : (try row.int8(2), Lane(text: try row.text(3)))
                )
            )
        }
        return found
    }

    /// The text of a read, each part of which reads an index from a position on.
    ///
    /// The sort orders name the index, as statistics would mislead the planner. A body's length is known without reading the body. No row
    /// is in two parts, as its body would count twice: missing ids beyond the position are read by the first part.
    /// What has been seen and is read again would be in the way of the rest.
    ///
    /// Keys are compared by their hashes: two keys that share one would only wait for each other. An equation, of hashes or of keys, would
    /// let the planner choose another index.
    private static func read(from table: String) -> String {
        let columns = Self.columns.map { "o.\($0)" }.joined(separator: ", ")
        let (hash, ownHash) = ("hashtextextended(w.ordering_key, 0)", "hashtextextended(o.ordering_key, 0)")
        return """
            SELECT o.id, o.waits_for, older.id, older.waits_for, \(columns) FROM (
                SELECT o.*, sum(octet_length(o.body)) OVER (ORDER BY o.id) - octet_length(o.body) AS bytes_before FROM (
                    (SELECT * FROM \(table) WHERE id > $1 AND waits_for IS NULL ORDER BY id LIMIT $2)
                    UNION ALL
                    SELECT late.* FROM unnest($3, $4) AS missing(first, last) CROSS JOIN LATERAL (
                        SELECT * FROM \(table) WHERE id BETWEEN first AND least(last, $1) AND waits_for IS NULL
                            AND id <> ALL ($10) ORDER BY id LIMIT $2
                    ) late
                    UNION ALL
                    SELECT due.* FROM unnest($5, $6, $7) AS lane(name, after, most) CROSS JOIN LATERAL (
                        SELECT * FROM \(table) WHERE (waits_for, id) > (name, after) AND waits_for <= name
                        ORDER BY waits_for, id LIMIT most
                    ) due
                ) o ORDER BY o.id LIMIT $2
            ) o LEFT JOIN LATERAL (
                SELECT id, waits_for FROM \(table) w
                WHERE (\(hash), w.id) > (\(ownHash), $8) AND (\(hash), w.id) < (\(ownHash), o.id)
                    AND w.waits_for IS NOT NULL AND w.ordering_key IS NOT NULL
                ORDER BY \(hash) DESC, w.id DESC LIMIT 1
            ) older ON true
            WHERE o.bytes_before < $9 ORDER BY o.id
            """
    }

    /// The greatest id that has been given out, or is in the table after the sequence was set back.
    ///
    /// Inserting needs no privilege for the sequence. Without one, the ids below the first row count as missing.
    private static func frontier(of table: String) -> String {
        """
        SELECT greatest(
            (SELECT max(id) FROM \(table)),
            CASE WHEN has_sequence_privilege(s.name, 'USAGE, SELECT') THEN pg_sequence_last_value(s.name::regclass) END,
            0
        ) FROM pg_get_serial_sequence('\(table)', 'id') AS s(name)
        """
    }

    /// Jumps from each lane to the next one in the index, as lanes are few and their rows may be many.
    private static func lanes(of table: String) -> String {
        """
        WITH RECURSIVE lanes AS (
            (SELECT waits_for FROM \(table) WHERE waits_for IS NOT NULL ORDER BY waits_for LIMIT 1)
            UNION ALL
            SELECT (
                SELECT o.waits_for FROM \(table) o WHERE o.waits_for > lanes.waits_for ORDER BY o.waits_for LIMIT 1
            ) FROM lanes WHERE lanes.waits_for IS NOT NULL
        )
        SELECT waits_for FROM lanes WHERE waits_for IS NOT NULL
        """
    }

    /// The message of a row, or what can be read of it, and why that is not all.
    private static func content(_ row: Row) -> (Message, problem: String?) {
        do {
            return (try Self.message(row), nil)
        } catch {
            // The body counts towards the limit of a read.
            let part = Message(
                id: "",
                topic: Topic(foreign: ""),
                time: Date(timeIntervalSince1970: 0),
                orderingKey: try? row.text(10),
                body: row.bytes(14) ?? []
            )
            let column = error.column.map { "column \"\(Self.columns[$0 - 4])\" holds an unexpected value" }
            return (part, column ?? error.detail)
        }
    }

    private static func message(_ row: Row) throws(PostgresError) -> Message {
        Message(
            id: try row.text(4),
            topic: Topic(foreign: try row.text(5)),
            type: try row.text(6),
            version: Int(try row.int4(7)),
            source: try row.text(8),
            time: try row.timestamp(9),
            orderingKey: row.isNull(10) ? nil : try row.text(10),
            requiresSubscriber: try row.bool(11),
            contentType: try row.text(12),
            headers: try StoredHeaders.decode(row.bytes(13)),
            body: row.bytes(14) ?? []
        )
    }
}
