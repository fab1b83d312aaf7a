// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import EventBusTesting
import Testing

@testable import EventBusPostgres

/// Concurrent reads on one connection.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct ReadTests {
    /// Returns the start of its transaction in microseconds.
    private static let begin = "SELECT (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint"

    /// Sends a read that blocks, then the others, then unblocks the first one.
    ///
    /// Returns the results in order.
    private static func read(
        _ texts: [String],
        behindOneOf store: PostgresStore,
        _ schema: TestSchema
    ) async throws -> [Result<Int64, any Error>] {
        try await Self.read(texts.map { Statement($0) }, behindOneOf: store, schema)
    }

    private static func read(
        _ statements: [Statement],
        behindOneOf store: PostgresStore,
        _ schema: TestSchema
    ) async throws -> [Result<Int64, any Error>] {
        let lock = schema.name.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0x7FFF_FFFF }
        return try await withThrowingTaskGroup(of: (Int, Result<Int64, any Error>).self) { group in
            try await Database.execute("SELECT pg_advisory_lock(\(lock))") {
                group.addTask {
                    let statement = Statement("SELECT 1::bigint FROM pg_advisory_xact_lock_shared(\(lock))")
                    return (-1, await Self.result(statement, store))
                }
                try await eventually(within: .seconds(10), "the read to wait") {
                    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND objid = \(lock)"
                    return try await Database.execute(waiting) == [["1"]]
                }
                for (index, statement) in statements.enumerated() {
                    group.addTask(executorPreference: store.executor) { (index, await Self.result(statement, store)) }
                }
                // The thread runs tasks in order, so after this one all reads have been queued.
                await Task(executorPreference: store.executor) {}.value
            }
            var results = Array(repeating: Result<Int64, any Error>.success(-1), count: statements.count)
            for try await (index, result) in group where index >= 0 { results[index] = result }
            return results
        }
    }

    private static func result(_ sql: String, _ store: PostgresStore) async -> Result<Int64, any Error> {
        await Self.result(Statement(sql), store)
    }

    private static func result(_ statement: Statement, _ store: PostgresStore) async -> Result<Int64, any Error> {
        do {
            return .success(try await store.storage.read(statement)[0].int8(0))
        } catch {
            return .failure(error)
        }
    }

    @Test func readsDuringAnotherReadAreSentTogether() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                let statements = Array(repeating: Self.begin, count: 20)
                let begins = try await Self.read(statements, behindOneOf: store, schema).map { try $0.get() }
                #expect(Set(begins).count == 1, "one transaction")
                let alone = try await Self.result(Self.begin, store).get()
                #expect(begins.allSatisfy { $0 < alone })
            }
        }
    }

    @Test func manyReadsAreSentInSeveralBatches() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                let statements = (0..<150).map { "SELECT \($0)::bigint" }
                let numbers = try await Self.read(statements, behindOneOf: store, schema).map { try $0.get() }
                #expect(numbers == (0..<150).map { Int64($0) })
            }
        }
    }

    @Test func aFailedReadDoesNotAffectOthers() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                let statements = (0..<30).map { $0 % 7 == 3 ? "SELECT 1 / 0::bigint" : "SELECT \($0)::bigint" }
                let results = try await Self.read(statements, behindOneOf: store, schema)
                for (index, result) in results.enumerated() {
                    guard index % 7 == 3 else {
                        #expect(try result.get() == Int64(index))
                        continue
                    }
                    let error = #expect(throws: RepositoryError.self) { try result.get() }
                    #expect(error?.code == .database)
                }
            }
        }
    }

    @Test func ofThoseWhoFindRowsWithOneStatementOnlyTheOneWhoseKeyFailsGetsTheError() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                let one = SQL("SELECT $1::bigint, 1 / ($1::bigint - 3)")
                let several = SQL("SELECT k, 1 / (k - 3) FROM unnest($1::bigint[]) AS k ORDER BY k DESC")
                let statements = (0..<8).map { Statement(one, [.int8(Int64($0))], forSeveralKeys: several) }
                let results = try await Self.read(statements, behindOneOf: store, schema)
                for (key, result) in results.enumerated() {
                    guard key == 3 else {
                        #expect(try result.get() == Int64(key))
                        continue
                    }
                    let error = #expect(throws: RepositoryError.self) { try result.get() }
                    #expect(error?.code == .database)
                }
                let again = try await Self.read(Array(statements[..<3] + statements[4...]), behindOneOf: store, schema)
                #expect(try again.map { try $0.get() } == [0, 1, 2, 4, 5, 6, 7])
            }
        }
    }

    @Test func onlyReadsThatWereSentFailWithTheirSession() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 1) { store in
                // The first read of the batch ends its own session. Those behind it fail and can be repeated.
                let fatal = "SELECT 1::bigint FROM pg_terminate_backend(pg_backend_pid())"
                let results = try await Self.read(
                    [fatal] + (0..<10).map { "SELECT \($0)::bigint" },
                    behindOneOf: store,
                    schema
                )
                for result in results {
                    let error = #expect(throws: RepositoryError.self) { try result.get() }
                    #expect(error?.code == .unavailable)
                }
                #expect(try await Self.result("SELECT 5::bigint", store).get() == 5)
                // Reads beyond the batch have not been sent and are not affected.
                let many = [fatal] + (0..<100).map { "SELECT \($0)::bigint" }
                let others = try await Self.read(many, behindOneOf: store, schema).dropFirst()
                for (index, result) in others.enumerated() where index >= 64 {
                    #expect(try result.get() == Int64(index))
                }
            }
        }
    }
}
