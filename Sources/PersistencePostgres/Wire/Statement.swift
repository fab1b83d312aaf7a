// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// One SQL statement with its values.
///
/// Its text should be a constant: it is prepared once per connection.
struct Statement: Sendable, Hashable {
    let sql: String
    let parameters: [Parameter]

    init(_ sql: String, _ parameters: [Parameter] = []) {
        self.sql = sql
        self.parameters = parameters
    }
}

/// What a statement gave.
struct StatementResult: Sendable {
    /// The command tag without its count, such as `INSERT` or `COMMIT`.
    let command: String
    /// Rows that the command touched.
    let affected: Int
    /// Rows that it returned.
    let rows: Rows
}

/// How a segment – the statements up to one Sync – ended.
enum SegmentOutcome: Sendable {
    /// Nothing of it can have taken effect: the connection was gone before the Sync.
    case notSent
    /// The server answered all of it.
    case completed([StatementResult])
    /// A statement failed; those after it were not run. The index is that of the statement, or their number when the
    /// implicit commit failed.
    case failed(ServerFailure, at: Int)
    /// The connection broke before the Sync was answered. The failure is what the server said last, if it did.
    case lost(ServerFailure?)
}
