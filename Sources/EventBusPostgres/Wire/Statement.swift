// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// SQL text that each connection prepares once; it should be a constant.
///
/// It is looked up for every statement that is sent, so its hash is made only once.
struct SQL: Sendable, Hashable {
    let text: String
    private let hash: Int

    init(_ text: String) {
        self.text = text
        self.hash = text.hashValue
    }

    static func == (left: Self, right: Self) -> Bool { left.hash == right.hash && left.text == right.text }

    func hash(into hasher: inout Hasher) { hasher.combine(self.hash) }
}

/// One SQL statement with its values.
struct Statement: Sendable {
    let sql: SQL
    let parameters: [Parameter]

    init(_ sql: SQL, _ parameters: [Parameter] = []) {
        self.sql = sql
        self.parameters = parameters
    }

    init(_ text: String) { self.init(SQL(text)) }
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
