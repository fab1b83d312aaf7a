// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import Measuring
import Synchronization

/// Tasks side by side, each with one transaction or read after the other.
struct Transactions {
    private let store: PostgresStore
    private let accounts: any Repository<Account>
    private let tasks: Int
    private let thread: WorkingThread

    init(_ store: PostgresStore, tasks: Int, on thread: WorkingThread) {
        self.store = store
        self.accounts = store.repository(for: Account.self)
        self.tasks = tasks
        self.thread = thread
    }

    /// A row and its event in one transaction.
    func register(for seconds: Double) async throws -> Measurement {
        _ = try await self.repeatedly(for: 0.2) { try await self.register() }
        let start = Measurement.Start()
        return start.end(operations: try await self.repeatedly(for: seconds) { try await self.register() })
    }

    /// A row by its key, of those that the migration has made.
    func select(for seconds: Double) async throws -> Measurement {
        let random = Atomic(UInt32.random(in: 0...UInt32.max))
        let select: @Sendable () async throws -> Void = {
            // A step of a linear congruential generator, of which the high bits are good enough.
            let state = random.wrappingAdd(2_654_435_769, ordering: .relaxed).newValue
            let id = AccountFill.id(Int((UInt64(state &* 2_246_822_519) * UInt64(AccountFill.rows)) >> 32))
            guard try await self.accounts.find(id)?.id == id else {
                throw BenchmarkFailure("a row is missing, or another one came")
            }
        }
        _ = try await self.repeatedly(for: 0.2, select)
        let start = Measurement.Start()
        return start.end(operations: try await self.repeatedly(for: seconds, select))
    }

    private func register() async throws {
        let account = Account()
        try await self.store.transaction { transaction in
            try self.accounts.insert(account, in: transaction)
            try transaction.publish(AccountCreated(account))
        }
    }

    private func repeatedly(
        for seconds: Double,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            // A flag instead of the time, which would have to be asked for after each operation.
            let isOver = Atomic(false)
            let task: @Sendable () async throws -> Int = {
                var count = 0
                while !isOver.load(ordering: .relaxed) {
                    try await body()
                    count += 1
                }
                return count
            }
            for _ in 0..<self.tasks {
                // A preference costs something even if it is for no executor.
                if let executor = self.thread.executor(self.store.executor) {
                    group.addTask(executorPreference: executor) { try await task() }
                } else {
                    group.addTask { try await task() }
                }
            }
            group.addTask {
                defer { isOver.store(true, ordering: .relaxed) }
                try await Task.sleep(for: .seconds(seconds))
                return 0
            }
            return try await group.reduce(0, +)
        }
    }
}
