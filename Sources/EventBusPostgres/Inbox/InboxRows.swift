// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// The statements for the inbox and for the counted starts of events.
///
/// The tables of before migration 3, `eventbus_inbox` and `eventbus_claims`, know no source: a row stands for its id in every source.
/// They are read, and left to instances of the previous version that run at the same time.
struct InboxRows: Sendable {
    private let insert: SQL
    private let findSQL: SQL
    private let claimSQL: SQL
    private let cleanups: [SQL]

    /// The maximum number of rows that a clean-up statement deletes, so that it does not hold locks for long.
    static let cleanupChunk = 1000

    init(schema: SchemaName) {
        let handled = schema.table("handled")
        let starts = schema.table("starts")
        let inbox = schema.table("inbox")
        let claims = schema.table("claims")
        // Sorted, so that two batches with events in common wait for each other instead of causing a deadlock.
        self.insert = SQL(
            """
            INSERT INTO \(handled) (consumer, message_id, source) \
            SELECT $1, u.id, u.source FROM unnest($2, $3) AS u(id, source) \
            WHERE NOT EXISTS (SELECT FROM \(inbox) WHERE consumer = $1 AND message_id = u.id) \
            ORDER BY u.id, u.source ON CONFLICT DO NOTHING RETURNING message_id, source
            """
        )
        self.findSQL = SQL(
            """
            SELECT 1 FROM \(handled) WHERE consumer = $1 AND message_id = $2 AND source = $3 \
            UNION ALL SELECT 1 FROM \(inbox) WHERE consumer = $1 AND message_id = $2
            """
        )
        // The first start in this table goes on where the old one has stopped, whose key contains the number of redrives.
        self.claimSQL = SQL(
            """
            INSERT INTO \(starts) AS s (consumer, message_id, source, redrives, last_start, starts) \
            VALUES ($1, $2, $3, $4, $5, 1 + coalesce((SELECT starts FROM \(claims) WHERE consumer = $1 \
            AND message_id = CASE $4 WHEN 0 THEN $2 ELSE $2 || '#' || $4::text END), 0)) \
            ON CONFLICT (consumer, message_id, source, redrives) DO UPDATE SET claimed_at = now(), \
            last_start = excluded.last_start, starts = s.starts + CASE WHEN s.last_start = excluded.last_start THEN 0 ELSE 1 END \
            RETURNING starts
            """
        )
        let aging = [
            (handled, "handled_at"), (starts, "claimed_at"), (inbox, "handled_at"), (claims, "claimed_at"),
        ]
        self.cleanups = aging.map { table, column in
            SQL(
                """
                DELETE FROM \(table) WHERE ctid = ANY(ARRAY(SELECT ctid FROM \(table) \
                WHERE \(column) < now() - $1 * interval '1 second' LIMIT \(Self.cleanupChunk)))
                """
            )
        }
    }

    /// Inserts events, and returns id and source of those that were new.
    func mark(_ events: [EventIdentity], by consumer: SubscriptionName) throws(PostgresError) -> Statement {
        var ids: [Parameter] = []
        var sources: [Parameter] = []
        for event in Set(events) {
            ids.append(try .text(event.id))
            sources.append(try .text(event.source))
        }
        return Statement(
            self.insert,
            [try .text(consumer.description), .array(of: .text, ids), .array(of: .text, sources)]
        )
    }

    /// Returns a row if the event has been handled.
    func find(_ event: EventIdentity, by consumer: SubscriptionName) throws(PostgresError) -> Statement {
        Statement(self.findSQL, [try .text(consumer.description), try .text(event.id), try .text(event.source)])
    }

    /// Counts a start unless it is the one that was counted last, and returns the number of starts.
    func claim(
        _ event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) throws(PostgresError) -> Statement {
        Statement(
            self.claimSQL,
            [
                try .text(consumer.description), try .text(event.id), try .text(event.source),
                .int8(Int64(redrive)), .uuid(start),
            ]
        )
    }

    /// Statements that each delete some of the rows that are older than `age`.
    func cleanUp(olderThan age: Duration) -> [Statement] {
        self.cleanups.map { Statement($0, [.double(Double(age.components.seconds))]) }
    }
}
