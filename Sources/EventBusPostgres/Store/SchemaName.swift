// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBusPersistence

/// The name of a module's Postgres schema, checked so that it can be written into SQL.
struct SchemaName: Sendable, Hashable {
    let name: String

    init(_ name: String) throws(RepositoryError) {
        let isReserved = name.hasPrefix("pg_")
        if let problem = SQLIdentifier.problem(of: name) ?? (isReserved ? "pg_ is reserved for Postgres" : nil) {
            throw RepositoryError(.invalidConfiguration, "schema \"\(name)\": \(problem)")
        }
        self.name = name
    }

    /// A table of this package in the schema.
    ///
    /// The prefix avoids conflicts with the module's own tables.
    func table(_ name: String) -> String { "\"\(self.name)\".eventbus_\(name)" }

    /// The key of an advisory lock for this schema.
    ///
    /// All users of a database share the keys, so it is a hash of a long text.
    func lock(_ purpose: String) -> Int64 {
        let digest = SHA256.hash(data: Array("swift-event-bus/\(purpose)/\(self.name)".utf8))
        return digest.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }
}
