// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBusPersistence

/// The Postgres schema of a module, checked so that it can be written into SQL.
struct SchemaName: Sendable, Hashable {
    let name: String

    init(_ name: String) throws(RepositoryError) {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
        let begins = name.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
        guard isPlain, begins, name.utf8.count <= 63, !name.hasPrefix("pg_") else {
            throw RepositoryError(.invalidConfiguration, "a schema's name has a-z, 0-9 and _, at most 63 of them")
        }
        self.name = name
    }

    /// A table of this package in the schema; the prefix keeps clear of the module's own tables.
    func table(_ name: String) -> String { "\"\(self.name)\".eventbus_\(name)" }

    /// The number of an advisory lock of this schema; these are shared by everybody on the database.
    func lock(_ purpose: String) -> Int64 {
        let digest = SHA256.hash(data: Array("swift-event-bus/\(purpose)/\(self.name)".utf8))
        return digest.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }
}
