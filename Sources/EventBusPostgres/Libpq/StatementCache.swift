// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The statements that a connection has prepared, with their names.
struct StatementCache: Sendable {
    private var names: [SQL: String] = [:]
    private var counter = 0

    /// The name of the prepared statement, or `nil`.
    func name(of sql: SQL) -> String? { self.names[sql] }

    /// Adds a statement and returns its name.
    ///
    /// Names are not reused, so that an outdated statement of the server is never executed instead of the new one.
    mutating func add(_ sql: SQL) -> String {
        self.counter += 1
        let name = "s\(self.counter)"
        self.names[sql] = name
        return name
    }

    mutating func forget(name: String) {
        guard let sql = self.names.first(where: { $0.value == name })?.key else { return }
        self.names[sql] = nil
    }

    mutating func forget(sql: SQL) { self.names[sql] = nil }
}
