// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

/// The migrations for the tables of this package.
///
/// As with all migrations, an existing one must never be changed.
enum PackageMigrations {
    static let all: [Migration] = [
        Migration(
            1,
            "outbox, inbox and claims",
            sql: """
                CREATE TABLE eventbus_outbox (
                    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                    message_id text NOT NULL,
                    topic text COLLATE "C" NOT NULL,
                    type text NOT NULL,
                    version integer NOT NULL,
                    source text NOT NULL,
                    time timestamptz NOT NULL,
                    ordering_key text COLLATE "C",
                    requires_subscriber boolean NOT NULL,
                    content_type text NOT NULL,
                    headers bytea,
                    body bytea NOT NULL
                ) WITH (
                    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
                    autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
                );
                CREATE INDEX eventbus_outbox_plain ON eventbus_outbox (topic, id) WHERE ordering_key IS NULL;
                CREATE INDEX eventbus_outbox_keyed ON eventbus_outbox (topic, id) WHERE ordering_key IS NOT NULL;
                CREATE INDEX eventbus_outbox_key ON eventbus_outbox (ordering_key, id)
                    WHERE ordering_key IS NOT NULL;
                CREATE TABLE eventbus_inbox (
                    consumer text COLLATE "C" NOT NULL,
                    message_id text COLLATE "C" NOT NULL,
                    handled_at timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (consumer, message_id)
                );
                CREATE INDEX eventbus_inbox_age ON eventbus_inbox USING brin (handled_at);
                CREATE TABLE eventbus_claims (
                    consumer text COLLATE "C" NOT NULL,
                    message_id text COLLATE "C" NOT NULL,
                    starts bigint NOT NULL,
                    claimed_at timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (consumer, message_id)
                );
                CREATE INDEX eventbus_claims_age ON eventbus_claims USING brin (claimed_at);
                """
        ),
        Migration(
            2,
            "claims that can be repeated",
            sql: "ALTER TABLE eventbus_claims ADD COLUMN last_start uuid;"
        ),
        // An empty source stands for all sources: which one it was is not known of older rows.
        Migration(
            3,
            "events are identified by source and id",
            sql: """
                ALTER TABLE eventbus_inbox ADD COLUMN source text COLLATE "C" NOT NULL DEFAULT '';
                ALTER TABLE eventbus_inbox DROP CONSTRAINT eventbus_inbox_pkey,
                    ADD PRIMARY KEY (consumer, message_id, source);
                ALTER TABLE eventbus_claims ADD COLUMN source text COLLATE "C" NOT NULL DEFAULT '',
                    ADD COLUMN redrives bigint NOT NULL DEFAULT 0;
                ALTER TABLE eventbus_claims DROP CONSTRAINT eventbus_claims_pkey,
                    ADD PRIMARY KEY (consumer, message_id, source, redrives);
                UPDATE eventbus_claims SET message_id = substring(message_id FROM '^(.*)#[0-9]+$'),
                    redrives = substring(message_id FROM '#([0-9]+)$')::bigint
                    WHERE message_id ~ '#[0-9]{1,9}$';
                """
        ),
    ]
}
