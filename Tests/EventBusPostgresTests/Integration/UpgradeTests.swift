// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

@testable import EventBusPostgres

/// What the store's own migrations make of the rows of earlier versions.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct UpgradeTests {
    /// Brings a schema to a version of the store's own tables, and runs SQL text.
    private static func apply(upTo version: Int, in schema: TestSchema, then sql: String) async throws {
        var script = """
            CREATE SCHEMA \(schema.name); SET search_path = \(schema.name);
            CREATE TABLE eventbus_migrations (
                owner text NOT NULL, version bigint NOT NULL, name text NOT NULL, checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (owner, version)
            );
            """
        for migration in PackageMigrations.all where migration.version <= version {
            script += """
                \(migration.sql);
                INSERT INTO eventbus_migrations (owner, version, name, checksum) VALUES
                ('eventbus', \(migration.version), '\(migration.name)', '\(MigrationPlan.checksum(migration))');
                """
        }
        try await Database.execute(script + sql)
    }

    private static let versionTwo = """
        INSERT INTO eventbus_inbox (consumer, message_id) VALUES ('c', 'handled'), ('another', 'open');
        INSERT INTO eventbus_claims (consumer, message_id, starts, last_start) VALUES
        ('c', 'm', 2, gen_random_uuid()), ('c', 'm#2', 5, NULL), ('c', 'odd#name', 1, NULL);
        """

    @Test func anEventThatWasHandledBeforeIsHandledWhateverItsSource() async throws {
        try await TestSchema.with { schema in
            try await Self.apply(upTo: 2, in: schema, then: Self.versionTwo)
            try await schema.withStore { store in
                for source in ["/a", "/b"] {
                    let (handled, open) = (
                        EventIdentity(source: source, id: "handled"), EventIdentity(source: source, id: "open")
                    )
                    #expect(try await store.isHandled(handled, by: "c"))
                    #expect(try await !store.isHandled(open, by: "c"))
                    let fresh = try await store.transaction { try await $0.markHandled([handled, open], by: "c") }
                    #expect(fresh == [false, true])
                }
            }
        }
    }

    @Test func startsThatWereCountedBeforeGoOnBeingCounted() async throws {
        try await TestSchema.with { schema in
            try await Self.apply(upTo: 2, in: schema, then: Self.versionTwo)
            try await schema.withStore { store in
                let claims = [
                    ("/a", "m", 0, 3), ("/a", "m", 0, 4), ("/b", "m", 0, 3), ("/a", "m", 2, 6), ("/a", "m", 1, 1),
                    ("/a", "odd#name", 0, 2), ("/a", "new", 0, 1),
                ]
                for (source, id, redrive, expected) in claims {
                    let event = EventIdentity(source: source, id: id)
                    let count = try await store.claimStart(of: event, redrive: redrive, by: "c", as: Stamp.next().id)
                    #expect(count == expected, "\(id) of \(source), redrive \(redrive)")
                }
            }
        }
    }

    /// Both versions run at the same time while a new one is rolled out.
    @Test func theVersionBeforeSeesWhatThisOneHasHandledAndTheOtherWayRound() async throws {
        @Sendable func markAsBefore(_ id: String, in schema: TestSchema) async throws -> Bool {
            let rows = try await Database.execute(
                """
                SET search_path = \(schema.name);
                INSERT INTO eventbus_inbox (consumer, message_id) SELECT 'c', id FROM unnest(ARRAY['\(id)']) AS id
                ORDER BY id ON CONFLICT DO NOTHING RETURNING message_id
                """
            )
            return rows == [[id]]
        }
        try await TestSchema.with { schema in
            try await Self.apply(upTo: 2, in: schema, then: "")
            try await schema.withStore { store in
                let newer = try await store.transaction { try await $0.markHandled([.test("newer")], by: "c") }
                let older = try await markAsBefore("older", in: schema)
                #expect(newer == [true] && older)
                let newerAgain = try await markAsBefore("newer", in: schema)
                let olderAgain = try await store.transaction { try await $0.markHandled([.test("older")], by: "c") }
                #expect(!newerAgain && olderAgain == [false])
                #expect(try await store.isHandled(.test("older"), by: "c"))
                // The old way of counting starts still works.
                try await Database.execute(
                    """
                    INSERT INTO \(schema.name).eventbus_claims AS c (consumer, message_id, starts) VALUES ('c', 'm', 1)
                    ON CONFLICT (consumer, message_id) DO UPDATE SET starts = c.starts + 1
                    """
                )
            }
        }
    }

    @Test func whatWaitedInTheOutboxIsPublishedAndTheVersionBeforeGoesOnAddingToIt() async throws {
        @Sendable func insert(_ id: String) -> String {
            """
            INSERT INTO eventbus_outbox (message_id, topic, type, version, source, time, ordering_key,
                requires_subscriber, content_type, headers, body)
            VALUES ('\(id)', 'test.greeted', 'greeted', 1, '', now(), 'k', true, 'application/json', NULL, '')
            """
        }
        try await TestSchema.with { schema in
            try await Self.apply(upTo: 3, in: schema, then: insert("before"))
            try await schema.withStore { store in
                try await store.outbox.withOwnership { outbox in
                    let before = try await outbox.exchange(published: [], limit: 10, except: HeldRows())
                    #expect(before.map(\.message.id) == ["before"])
                    try await Database.execute("SET search_path = \(schema.name); \(insert("after"))")
                    let after = try await outbox.exchange(published: before.map(\.id), limit: 10, except: HeldRows())
                    #expect(after.map(\.message.id) == ["after"])
                }
            }
        }
    }
}
