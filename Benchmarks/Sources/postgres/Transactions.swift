// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Measuring
import Persistence
import PersistencePostgres

/// Tasks side by side, each with one transaction or read after the other.
struct Transactions {
    private let store: PostgresStore
    private let accounts: any Repository<Account>
    private let tasks: Int

    init(_ store: PostgresStore, tasks: Int) {
        self.store = store
        self.accounts = store.repository(for: Account.self)
        self.tasks = tasks
    }

    /// A row and its event in one transaction.
    func register(for seconds: Double) async throws -> Measurement {
        _ = try await self.repeatedly(for: 0.2) { _ = try await self.register() }
        let start = Measurement.Start()
        return start.end(operations: try await self.repeatedly(for: seconds) { _ = try await self.register() })
    }

    /// A row by its key.
    func select(for seconds: Double) async throws -> Measurement {
        var ids: [Identifier] = []
        for _ in 0..<1000 { ids.append(try await self.register()) }
        let all = ids
        let select: @Sendable () async throws -> Void = {
            guard try await self.accounts.find(all[Int.random(in: all.indices)]) != nil else {
                throw BenchmarkFailure("a row is missing")
            }
        }
        _ = try await self.repeatedly(for: 0.2, select)
        let start = Measurement.Start()
        return start.end(operations: try await self.repeatedly(for: seconds, select))
    }

    private func register() async throws -> Identifier {
        let account = Account()
        try await self.store.transaction { transaction in
            try self.accounts.insert(account, in: transaction)
            try transaction.publish(AccountCreated(account))
        }
        return account.id
    }

    private func repeatedly(
        for seconds: Double,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            let start = Measurement.Start()
            for _ in 0..<self.tasks {
                group.addTask {
                    var count = 0
                    while start.seconds < seconds {
                        try await body()
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
    }
}
