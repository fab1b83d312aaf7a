// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A collected write, with what is needed to report its failure in the caller's terms.
struct PostgresWrite: Sendable {
    let statement: Statement
    /// The table, for error messages.
    let table: String
    /// Whether the statement divides by the number of rows that it has changed, so that it fails if there are none.
    let mustTouchRow: Bool
    /// Whether it is no update, and therefore waits for no row that another transaction has changed.
    var onlyInserts: Bool { !self.mustTouchRow }

    init(_ statement: Statement, table: String, mustTouchRow: Bool = false) {
        self.statement = statement
        self.table = table
        self.mustTouchRow = mustTouchRow
    }
}
