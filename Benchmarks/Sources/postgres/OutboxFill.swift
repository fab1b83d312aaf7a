// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Persistence

/// Fills a new outbox within a migration, which runs before the store is ready and takes SQL.
enum OutboxFill {
    static func migration(rows: Int) -> Migration {
        Migration(
            1,
            "\(rows) events of one topic, each with a key of its own",
            sql: """
                INSERT INTO eventbus_outbox
                    (message_id, topic, type, version, source, time, ordering_key, requires_subscriber, content_type, body)
                SELECT gen_random_uuid()::text, 'bench.relayed', 'bench.relayed', 1, '/bench', now(), gen_random_uuid()::text,
                    true, 'application/json', convert_to('{"text":"' || repeat('x', 245) || '"}', 'UTF8')
                FROM generate_series(1, \(rows));
                ANALYZE eventbus_outbox;
                """
        )
    }
}
