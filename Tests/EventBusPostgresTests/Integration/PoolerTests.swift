// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Foundation
import Testing

@testable import EventBusPostgres

/// The store behind pgbouncer.
@Suite(
    .serialized,
    .enabled(if: Pooler.isAvailable, "needs servers: run scripts/test --integration"),
    .timeLimit(.minutes(2))
)
struct PoolerTests {
    @Test func inSessionModeEverythingWorksInTheStoresOwnSchema() async throws {
        try await TestSchema.with { schema in
            let configuration = try PostgresConfiguration(url: try Database.url("POOLER_SESSION_URL"))
            let store = try schema.store(at: configuration) { $0.statementTimeout = .milliseconds(7654) }
            try await running(store) {
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                try await store.transaction { transaction in
                    try people.insert(person, in: transaction)
                    _ = try await people.find(person.id, in: transaction)
                    try transaction.publish(Greeted(number: 1))
                }
                let settings = Statement(
                    "SELECT current_setting('search_path') || ' ' || current_setting('statement_timeout')"
                )
                #expect(try await store.storage.read(settings)[0].text(0) == "\(schema.name),pg_temp 7654ms")
                #expect(try await schema.count("people") == 1)
                try await store.outbox.withOwnership { owned in
                    let rows = try await owned.exchange(published: [], limit: 10, except: HeldRows())
                    #expect(rows.count == 1)
                    _ = try await owned.exchange(published: rows.map(\.id), limit: 0, except: HeldRows())
                }
                #expect(try await store.outbox.oldest() == nil)
            }
        }
    }

    private static func refusal(of schema: TestSchema) async throws -> RepositoryError? {
        let configuration = try PostgresConfiguration(url: try Database.url("POOLER_TRANSACTION_URL"))
        return await failure { try await schema.store(at: configuration).run() }
    }

    @Test func inTransactionModeItIsRefusedByName() async throws {
        try await TestSchema.with { schema in
            let error = try await Self.refusal(of: schema)
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("pool_mode = session") == true)
            let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = '\(schema.name)'"
            #expect(try await Database.execute(schemas) == [["0"]], "nothing was created")
        }
    }

    /// Other users of the pooler make the server's processes change hands in another order.
    @Test func inTransactionModeItIsRefusedUnderLoadToo() async throws {
        try await TestSchema.with { schema in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let busy = try PostgresConfiguration(url: try Database.url("POOLER_TRANSACTION_URL"))
                for _ in 0..<4 {
                    group.addTask {
                        while !Task.isCancelled {
                            _ = try? await Database.execute("SELECT pg_sleep(random() * 0.003)", at: busy)
                        }
                    }
                }
                for _ in 0..<5 { #expect(try await Self.refusal(of: schema)?.code == .invalidConfiguration) }
                group.cancelAll()
            }
        }
    }
}

private enum Pooler {
    static let isAvailable = ["POOLER_SESSION_URL", "POOLER_TRANSACTION_URL"].allSatisfy {
        ProcessInfo.processInfo.environment[$0] != nil
    }
}
