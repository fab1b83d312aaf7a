// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A collected write, with what is needed to report its failure in the caller's terms.
struct PostgresWrite: Sendable {
    let statement: Statement
    /// The table, for error messages.
    let table: String
    /// Whether the statement divides by the number of rows that it has changed, so that it fails if there are none.
    let mustTouchRow: Bool

    init(_ statement: Statement, table: String, mustTouchRow: Bool = false) {
        self.statement = statement
        self.table = table
        self.mustTouchRow = mustTouchRow
    }
}

extension [PostgresWrite] {
    /// Whether the transaction may share a commit with others: it only inserts, so that it hardly ever waits for a row, and so little
    /// that the others hardly notice.
    var mayShareCommit: Bool {
        self.count <= 4 && self.allSatisfy { !$0.mustTouchRow }
            && self.reduce(0) { $0 + $1.statement.size } <= 16 * 1024
    }
}
