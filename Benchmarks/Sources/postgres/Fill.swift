// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// Fills a new outbox within a migration, which runs before the store is ready and takes SQL.
enum OutboxFill {
    /// A topic that the bus confirms, and one that nobody has subscribed to.
    static let (relayed, unheard): (Topic, Topic) = ("bench.relayed", "bench.unheard")

    /// - Parameters:
    ///   - rows: how many events are to be relayed, each with a key of its own.
    ///   - unheard: how many older ones wait for a subscriber, and have been put aside.
    ///   - bytes: how long bodies are, at least 11.
    static func migration(rows: Int, unheard: Int = 0, bytes: Int = 256, version: Int = 1) -> Migration {
        Migration(
            version,
            "\(rows) events, behind \(unheard)",
            sql: """
                INSERT INTO eventbus_outbox
                    (message_id, topic, type, version, source, time, ordering_key, requires_subscriber, content_type, body,
                    waits_for)
                SELECT gen_random_uuid()::text, CASE WHEN i <= \(unheard) THEN '\(Self.unheard)' ELSE '\(Self.relayed)' END,
                    'bench.relayed', 1, '/bench', now(), gen_random_uuid()::text, true, 'application/json',
                    convert_to('{"text":"' || repeat('x', \(bytes - 11)) || '"}', 'UTF8'),
                    CASE WHEN i <= \(unheard) THEN 'topic \(Self.unheard)' END
                FROM generate_series(1, \(unheard + rows)) AS i;
                ANALYZE eventbus_outbox;
                """
        )
    }
}

/// Fills the accounts with the same rows that the program in C reads.
enum AccountFill {
    static let rows = 10_000

    static func id(_ number: Int) -> Identifier {
        Identifier(high: 0x0198_C3F0_7D1E_7A52, low: 0x8000_0000_0000_0000 | UInt64(number))
    }

    static let migration = Migration(
        1000,
        "\(rows) accounts",
        sql: """
            INSERT INTO users SELECT ('0198c3f0-7d1e-7a52-8000-0000' || lpad(to_hex(i), 8, '0'))::uuid, 'user-' || i,
                'user-' || i || '@example.org',
                '$scrypt$ln=15,r=8,p=3$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U', now()
            FROM generate_series(0, \(rows - 1)) AS i;
            ANALYZE users;
            """
    )
}
