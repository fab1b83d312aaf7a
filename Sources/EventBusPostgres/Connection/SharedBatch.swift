// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

private let limitLocks = SQL("SELECT set_config('lock_timeout', '50ms', true)")
private let limitAll = SQL(
    "SELECT set_config('lock_timeout', '50ms', true), set_config('statement_timeout', '250ms', true)"
)

/// Callers whose statements are sent with one Sync, and which results are whose.
///
/// Those who find a row of the same table by its key share a statement, which finds the rows of all their keys: to the server and to
/// libpq, a statement costs several times as much as a row.
struct SharedBatch<Waiter: Sendable>: Sendable {
    enum Kind: Sendable {
        /// Statements that change nothing, one for each caller.
        case reads
        /// Transactions that only insert, so that they hardly ever wait for another one. A commit costs the server as much as the
        /// inserts before it. When a batch fails, or would wait for a row, the transaction that caused it runs alone.
        case inserts

        /// The maximum number of callers in a batch, so that the first one is not answered late.
        var batchLimit: Int {
            switch self {
            case .reads: 64
            case .inserts: PoolState.Limits.insertsPerCommit
            }
        }
    }

    struct Item: Sendable {
        let statements: [Statement]
        let waiter: Waiter
        /// Whether its statement may be replaced by one that finds the rows of several callers.
        var mayShareStatement = true

        /// What finds the rows of several keys, and the key; `nil` if the statement has to be sent as it is.
        var lookup: (sql: SQL, key: Parameter)? {
            guard self.mayShareStatement, self.statements.count == 1, let sql = self.statements[0].forSeveralKeys
            else { return nil }
            return (sql, self.statements[0].parameters[0])
        }
    }

    /// The callers who find rows with the same statement.
    private struct Group: Sendable {
        let sql: SQL
        let place: Int
        var keys: [Parameter]
    }

    /// With more keys a statement would hardly be cheaper, and all of its rows are in memory until the last caller has read its own.
    private static var keysPerStatement: Int { 16 }

    let items: [Item]
    let statements: [Statement]
    /// How many statements precede those of the first caller.
    private let prefix: Int
    /// For each caller the places of its statements.
    private let places: [Range<Int>]
    /// Where the statements are that several callers share.
    private let shared: [Int]

    init(_ items: [Item], of kind: Kind) {
        var statements = kind.prefix(of: items.count)
        statements.reserveCapacity(statements.count + items.count)
        var groups: [Group] = []
        var places: [Range<Int>] = []
        places.reserveCapacity(items.count)
        self.items = items
        self.prefix = statements.count
        for item in items {
            if let lookup = item.lookup {
                let group = groups.firstIndex { $0.sql == lookup.sql && $0.keys.count < Self.keysPerStatement }
                if let group {
                    groups[group].keys.append(lookup.key)
                    places.append(groups[group].place..<groups[group].place + 1)
                    continue
                }
                groups.append(Group(sql: lookup.sql, place: statements.count, keys: [lookup.key]))
            }
            places.append(statements.count..<statements.count + item.statements.count)
            statements += item.statements
        }
        groups.removeAll { $0.keys.count == 1 }
        for group in groups {
            statements[group.place] = Statement(group.sql, [.array(of: group.keys[0].type, group.keys)])
        }
        self.statements = statements
        self.places = places
        self.shared = groups.map(\.place)
    }

    /// Whether the index is that of a statement that several callers share.
    func isShared(_ index: Int) -> Bool { self.shared.contains(index) }

    /// The callers of the statement with this index; none if it is before all of theirs, or that of the commit.
    func callers(of index: Int) -> [Int] { self.places.indices.filter { self.places[$0] ~= index } }

    /// The place of a statement among those of its caller.
    func offset(_ index: Int, of caller: Int) -> Int { index - self.places[caller].lowerBound }

    /// Whether the index is that of a statement which precedes those of all callers.
    func isBeforeAll(_ index: Int) -> Bool { index < self.prefix }

    /// The results of a caller's statements.
    func results(of caller: Int, _ results: ArraySlice<StatementResult>) -> ArraySlice<StatementResult> {
        let places = self.places[caller]
        guard self.isShared(places.lowerBound), let key = self.items[caller].lookup?.key else { return results[places] }
        let rows = results[places.lowerBound].rows
        let row = rows.indices.first { rows[$0].hasKey(key) }
        let found = rows.only(row)
        return [StatementResult(hasCommitted: false, affected: found.count, rows: found)]
    }
}

extension SharedBatch.Kind {
    /// What precedes the statements of a batch.
    ///
    /// A transaction that waits for a row, or is slow, must not delay the others. And batches insert in the order of arrival, so that
    /// two of them can wait for each other although no two of their transactions would.
    fileprivate func prefix(of count: Int) -> [Statement] {
        self == .inserts ? [Statement(count > 1 ? limitAll : limitLocks)] : []
    }
}
