// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Logging
import Synchronization

/// Deletes inbox rows of events that no broker will deliver again.
final class InboxCleaner: Sendable {
    private let storage: PostgresStorage
    private let logger: Logger
    private let lastProblem = Mutex<String?>(nil)

    init(storage: PostgresStorage, logger: Logger) {
        self.storage = storage
        self.logger = logger
    }

    /// Why the last clean-up has failed.
    var problem: String? { self.lastProblem.withLock { $0 } }

    /// Works until it is cancelled.
    func run() async throws {
        var pause = Self.pause(isFirst: true, jitter: .random(in: 0..<1))
        while true {
            try await Task.sleep(for: pause)
            let problem = await self.attempt()
            self.lastProblem.withLock { $0 = problem }
            pause = Self.pause(isFirst: false, jitter: .random(in: 0..<1))
        }
    }

    /// Soon after the start, as processes may never live for an hour; then at other times than other processes.
    ///
    /// The jitter is between 0 and 1.
    static func pause(isFirst: Bool, jitter: Double) -> Duration {
        isFirst ? .seconds(1) + .seconds(9) * jitter : .seconds(1800) + .seconds(1800) * jitter
    }

    private func attempt() async -> String? {
        do {
            for statement in self.storage.inbox.cleanUp(olderThan: self.storage.configuration.inboxRetention) {
                while try await self.deleteSome(statement) { try Task.checkCancellation() }
            }
            return nil
        } catch {
            guard !Task.isCancelled else { return nil }
            self.logger.warning("The inbox could not be cleaned up", error: error)
            return "handled events older than inboxRetention could not be deleted: \(error)"
        }
    }

    /// Returns whether more may be left.
    private func deleteSome(_ statement: Statement) async throws -> Bool {
        do {
            switch try await self.storage.pool.run([statement]) {
            case .completed(let results): return results.first?.affected == InboxRows.cleanupChunk
            case .failed(let failure, _): throw RepositoryError(failure, of: nil)
            case .notSent(let loss), .lost(let loss): throw RepositoryError(loss, isCommit: false)
            }
        } catch {
            throw RepositoryError(error)
        }
    }
}
