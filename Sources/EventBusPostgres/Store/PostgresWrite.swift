// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A collected write, with what is needed to say in the caller's terms why it failed.
struct PostgresWrite: Sendable {
    let statement: Statement
    /// The table, for messages.
    let table: String
    /// The statement divides by the number of rows that it has touched, so that none is an error.
    let mustTouchRow: Bool

    init(_ statement: Statement, table: String, mustTouchRow: Bool = false) {
        self.statement = statement
        self.table = table
        self.mustTouchRow = mustTouchRow
    }
}
