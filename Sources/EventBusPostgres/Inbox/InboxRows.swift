// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// The statements for the inbox and for the counted starts of messages.
struct InboxRows: Sendable {
    private let insert: SQL
    private let findSQL: SQL
    private let claimSQL: SQL
    private let cleanups: [SQL]

    /// The maximum number of rows that a clean-up statement deletes, so that it does not hold locks for long.
    static let cleanupChunk = 5000

    init(schema: SchemaName) {
        let inbox = schema.table("inbox")
        let claims = schema.table("claims")
        // Sorted, so that two batches with ids in common wait for each other instead of causing a deadlock.
        self.insert = SQL(
            """
            INSERT INTO \(inbox) (consumer, message_id) \
            SELECT $1, u.id FROM unnest($2) AS u(id) ORDER BY u.id \
            ON CONFLICT DO NOTHING RETURNING message_id
            """
        )
        self.findSQL = SQL("SELECT 1 FROM \(inbox) WHERE consumer = $1 AND message_id = $2")
        self.claimSQL = SQL(
            """
            INSERT INTO \(claims) AS c (consumer, message_id, starts, last_start) VALUES ($1, $2, 1, $3) \
            ON CONFLICT (consumer, message_id) DO UPDATE SET claimed_at = now(), last_start = excluded.last_start, \
            starts = c.starts + CASE WHEN c.last_start = excluded.last_start THEN 0 ELSE 1 END \
            RETURNING starts
            """
        )
        self.cleanups = [(inbox, "handled_at"), (claims, "claimed_at")].map { table, column in
            SQL(
                """
                DELETE FROM \(table) WHERE ctid = ANY(ARRAY(SELECT ctid FROM \(table) \
                WHERE \(column) < now() - $1 * interval '1 second' LIMIT \(Self.cleanupChunk)))
                """
            )
        }
    }

    /// Inserts ids, and returns those that were new.
    func mark(_ ids: [String], by consumer: SubscriptionName) throws(PostgresError) -> Statement {
        var elements: [Parameter] = []
        for id in Set(ids.map(ExactText.init)) { elements.append(try .text(id.text)) }
        return Statement(self.insert, [try .text(consumer.description), .array(of: .text, elements)])
    }

    /// Returns a row if the message has been handled.
    func find(_ id: String, by consumer: SubscriptionName) throws(PostgresError) -> Statement {
        Statement(self.findSQL, [try .text(consumer.description), try .text(id)])
    }

    /// Counts a start unless it is the one that was counted last, and returns the number of starts.
    func claim(_ id: String, by consumer: SubscriptionName, as start: Identifier) throws(PostgresError) -> Statement {
        Statement(self.claimSQL, [try .text(consumer.description), try .text(id), .uuid(start)])
    }

    /// Statements that each delete some of the rows that are older than `age`.
    func cleanUp(olderThan age: Duration) -> [Statement] {
        self.cleanups.map { Statement($0, [.double(Double(age.components.seconds))]) }
    }
}
