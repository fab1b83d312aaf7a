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
        // New tables, because instances of the previous version may still use the old ones: what those contain counts for every
        // source, and the trigger shows those instances what newer ones have handled.
        Migration(
            3,
            "events are identified by source and id",
            sql: """
                CREATE TABLE eventbus_handled (
                    consumer text COLLATE "C" NOT NULL,
                    message_id text COLLATE "C" NOT NULL,
                    source text COLLATE "C" NOT NULL,
                    handled_at timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (consumer, message_id, source)
                );
                CREATE INDEX eventbus_handled_age ON eventbus_handled USING brin (handled_at);
                CREATE TABLE eventbus_starts (
                    consumer text COLLATE "C" NOT NULL,
                    message_id text COLLATE "C" NOT NULL,
                    source text COLLATE "C" NOT NULL,
                    redrives bigint NOT NULL,
                    starts bigint NOT NULL,
                    last_start uuid NOT NULL,
                    claimed_at timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (consumer, message_id, source, redrives)
                );
                CREATE INDEX eventbus_starts_age ON eventbus_starts USING brin (claimed_at);
                CREATE FUNCTION eventbus_inbox_is_superseded() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF EXISTS (
                        SELECT FROM eventbus_handled WHERE consumer = NEW.consumer AND message_id = NEW.message_id
                    ) THEN
                        RETURN NULL;
                    END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER eventbus_inbox_superseded BEFORE INSERT ON eventbus_inbox
                    FOR EACH ROW EXECUTE FUNCTION eventbus_inbox_is_superseded();
                """
        ),
        // Instances of the previous version may still run and own the outbox: they see all rows, but look for the next ones without an
        // index, which takes longer the more rows there are.
        Migration(
            4,
            "the outbox is read in the order of its ids",
            sql: """
                ALTER TABLE eventbus_outbox ADD COLUMN waits_for text COLLATE "C";
                CREATE INDEX eventbus_outbox_waiting ON eventbus_outbox (waits_for, id) WHERE waits_for IS NOT NULL;
                CREATE INDEX eventbus_outbox_waiting_key ON eventbus_outbox (ordering_key, id)
                    WHERE waits_for IS NOT NULL AND ordering_key IS NOT NULL;
                DROP INDEX eventbus_outbox_plain, eventbus_outbox_keyed, eventbus_outbox_key;
                """
        ),
        // A third of the size, and numbers are compared faster.
        Migration(
            5,
            "what waits is found by the hash of its key",
            sql: """
                CREATE INDEX eventbus_outbox_waiting_hash ON eventbus_outbox (hashtextextended(ordering_key, 0), id)
                    WHERE waits_for IS NOT NULL AND ordering_key IS NOT NULL;
                DROP INDEX eventbus_outbox_waiting_key;
                """
        ),
    ]
}
