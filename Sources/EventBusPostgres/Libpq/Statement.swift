// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// SQL text that each connection prepares once; it should be a constant.
///
/// The hash is computed once and stored, as the text is looked up for each statement that is sent.
struct SQL: Sendable, Hashable {
    let text: String
    private let hash: Int

    init(_ text: String) {
        self.text = text
        self.hash = text.hashValue
    }

    /// The command and its first table, such as `SELECT on people`, for people; `nil` for what has none.
    var summary: String? {
        let words = self.text.split { " \n(".contains($0) }
        let commands = ["SELECT", "INSERT", "UPDATE", "DELETE"]
        guard let start = words.firstIndex(where: { commands.contains(String($0)) }),
            let place = words[start...].firstIndex(where: { ["FROM", "INTO", "UPDATE"].contains($0) }),
            place + 1 < words.count
        else { return nil }
        let table = words[place + 1].filter { $0 != "\u{22}" }
        return "\(words[start]) on \(table)"
    }

    static func == (left: Self, right: Self) -> Bool { left.hash == right.hash && left.text == right.text }

    func hash(into hasher: inout Hasher) { hasher.combine(self.hash) }
}

/// A SQL statement with its parameters.
struct Statement: Sendable {
    let sql: SQL
    let parameters: [Parameter]
    /// For a statement that finds a row by its only parameter, which is the row's first column: what finds those of an array of keys.
    let forSeveralKeys: SQL?

    init(_ sql: SQL, _ parameters: [Parameter] = [], forSeveralKeys: SQL? = nil) {
        self.sql = sql
        self.parameters = parameters
        self.forSeveralKeys = forSeveralKeys
    }

    init(_ text: String) { self.init(SQL(text)) }

    /// The size of the parameters in bytes, approximately.
    var size: Int { self.parameters.reduce(0) { $0 + $1.size } }
}

/// The result of a statement.
struct StatementResult: Sendable {
    /// Whether the command's tag is `COMMIT`.
    let hasCommitted: Bool
    /// The number of rows that the command has changed or returned.
    let affected: Int
    /// The rows that it has returned.
    let rows: Rows
}

/// The outcome of a segment, which is a number of statements and the Sync that ends them.
enum SegmentOutcome: Sendable {
    /// Nothing can have taken effect: the connection was lost before the Sync was sent.
    case notSent(SessionLoss)
    /// The server has answered all statements.
    case completed(ArraySlice<StatementResult>)
    /// A statement has failed, and those after it have not been run. `at` is its index, or the number of statements if
    /// the implicit commit has failed.
    case failed(ServerFailure, at: Int)
    /// The connection was lost before the Sync was answered.
    case lost(SessionLoss)
}

/// Why a session with the server has ended.
enum SessionLoss: Sendable, Hashable {
    /// The connection was lost without a word of the server, or closed by this side.
    case silent
    /// The server has not answered in time.
    case noAnswer
    /// The last error that the server has reported, which may be why it has ended the session.
    case reported(ServerFailure)

    /// What the server has reported.
    var failure: ServerFailure? {
        guard case .reported(let failure) = self else { return nil }
        return failure
    }
}
