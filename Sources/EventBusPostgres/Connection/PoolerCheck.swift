// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence

/// Refuses a connection pooler that gives a session another of the server's processes from one transaction to the next.
///
/// Through such a pooler a session's locks and settings belong to whoever comes next: several relays would own one outbox at once. One
/// session can't notice it while it is the pooler's only user, as it gets the same process again. So a second one is opened: if
/// each session has a process, the two never meet.
struct PoolerCheck: Sendable {
    /// How often both sessions are asked; other users of the pooler can hide the exchange once.
    private static let rounds = 4

    /// A process id can be used again, and two servers can use the same one.
    private static let identity = """
        SELECT pid::text || ' ' || backend_start::text FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()
        """

    /// - Throws: `RepositoryError` with code `invalidConfiguration` if the pooler is not in session mode.
    static func run(_ first: Connection, _ second: Connection) async throws(RepositoryError) {
        var seen: [(first: String, second: String)] = []
        for _ in 0..<Self.rounds {
            seen.append((try await Self.process(of: first), try await Self.process(of: second)))
        }
        guard Self.areProcessesExchanged(seen) else { return }
        // What this session has set would stay with the server's processes, for the pooler's other users.
        for connection in [first, second] { _ = await connection.run(script: "RESET ALL") }
        throw RepositoryError(
            .invalidConfiguration,
            "the connection pooler is in transaction or statement mode, but the store needs one in session mode (pgbouncer: pool_mode = session)"
        )
    }

    /// Decides from the processes that two sessions had, as of several moments.
    static func areProcessesExchanged(_ seen: [(first: String, second: String)]) -> Bool {
        let (first, second) = (Set(seen.map(\.first)), Set(seen.map(\.second)))
        return first.count > 1 || second.count > 1 || !first.isDisjoint(with: second)
    }

    private static func process(of connection: Connection) async throws(RepositoryError) -> String {
        switch await connection.run(script: Self.identity) {
        case .completed(let results):
            return try RepositoryError.converting { try results.last?.rows.first?.text(0) ?? "" }
        case .failed(let failure, _): throw RepositoryError(failure, of: nil)
        case .notSent(let loss), .lost(let loss): throw RepositoryError(loss, isCommit: false)
        }
    }
}
