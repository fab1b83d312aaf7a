// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Which statements a connection has prepared, and under which names.
struct StatementCache: Sendable {
    private var names: [SQL: String] = [:]
    private var counter = 0

    /// The name under which the text is prepared, or nil.
    func name(of sql: SQL) -> String? { self.names[sql] }

    /// A fresh name; names aren't used twice, so a stale statement on the server is never mistaken for the new one.
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
