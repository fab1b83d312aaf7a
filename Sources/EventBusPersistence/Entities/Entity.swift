// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A thing that a module keeps: a value with an id, stored as a row whose columns are its coding keys.
///
/// ```swift
/// struct PaymentAccount: Entity {
///     static let byOwner = UniqueKey<PaymentAccount>("accounts_owner_key", on: "owner")
///     static let schema = EntitySchema<PaymentAccount>(
///         table: "accounts",
///         columns: [.uuid("id"), .uuid("owner"), .text("currency"), .int("balance")],
///         uniqueKeys: [byOwner]
///     )
///     let id: Identifier
///     let owner: Identifier
///     let currency: String
///     var balance: Int64
/// }
/// ```
public protocol Entity: Codable, Sendable, Identifiable where ID: ColumnConvertible & Hashable & Sendable {
    /// Table, columns and unique keys: data, from which every store makes what it needs.
    static var schema: EntitySchema<Self> { get }
}

/// Where and how entities of one type are stored.
public struct EntitySchema<Model: Entity>: Sendable {
    /// The table's name.
    public let table: String
    /// The columns; each is a coding key of the model.
    ///
    /// The first one is the primary key, `id`.
    public let columns: [Column]
    /// What may occur only once.
    public let uniqueKeys: [UniqueKey<Model>]

    /// Describes how a model is stored.
    ///
    /// The names are identifiers written into SQL: letters, digits and `_`. A schema that breaks this, does not begin
    /// with the column `id` or has a unique key on an unknown column is a programming error and traps.
    public init(table: String, columns: [Column], uniqueKeys: [UniqueKey<Model>] = []) {
        let names = [table] + columns.map(\.name) + uniqueKeys.flatMap { [$0.name, $0.column] }
        precondition(names.allSatisfy(EntitySchema.isIdentifier), "table, columns and keys are plain SQL identifiers")
        precondition(columns.first?.name == "id", "the first column is the primary key id")
        precondition(
            uniqueKeys.allSatisfy { key in columns.contains { $0.name == key.column } },
            "a unique key is on a column of the table"
        )
        self.table = table
        self.columns = columns
        self.uniqueKeys = uniqueKeys
    }

    private static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.count <= 63
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
