// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Logging
import Testing

@testable import EventBusPostgres

@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(1)))
struct InboxCleanerTests {
    private static func fill(_ schema: TestSchema, then sql: String = "") async throws {
        try await schema.withStore { _ in }
        try await Database.execute(
            """
            SET search_path = \(schema.name);
            INSERT INTO eventbus_handled SELECT 'c', 'old ' || n, '/s', now() - interval '40 days' FROM generate_series(1, 2500) n;
            INSERT INTO eventbus_handled VALUES ('c', 'young', '/s');
            \(sql)
            """
        )
    }

    /// Processes may never live for an hour.
    @Test func oldRowsAreDeletedSoonAfterTheStartAndAFailureIsReported() async throws {
        try await TestSchema.with { schema in
            try await TestSchema.with { failing in
                try await Self.fill(schema)
                try await Self.fill(
                    failing,
                    then: """
                        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
                        CREATE TRIGGER fail BEFORE DELETE ON eventbus_handled FOR EACH ROW EXECUTE FUNCTION fail()
                        """
                )
                let log = RecordedLog()
                let store = try schema.store()
                let unhappy = try failing.store(at: try Database.configuration(), log: log)
                try await running(store, unhappy) {
                    try await eventually(within: .seconds(20), "the old rows to be gone") {
                        try await schema.count("eventbus_handled") == 1
                    }
                    try await eventually(within: .seconds(20), "the failure to be reported") {
                        unhappy.health.notes.contains { $0.contains("inboxRetention") && $0.contains("P0001") }
                    }
                    #expect(unhappy.health.isReady)
                    #expect(store.health == .ready)
                    #expect(log.lines(.warning).count == 1)
                    #expect(try await failing.count("eventbus_handled") == 2501)
                }
            }
        }
    }
}
