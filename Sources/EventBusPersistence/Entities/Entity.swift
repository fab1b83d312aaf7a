// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A value with an id that a module stores: one row, whose columns are the coding keys.
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
    /// The table, its columns and its unique keys.
    static var schema: EntitySchema<Self> { get }
}

/// How entities of one type are stored.
///
/// It is plain data, from which each store derives what it needs, such as SQL statements.
public struct EntitySchema<Model: Entity>: Sendable {
    /// The table's name.
    public let table: String
    /// The columns; each is a coding key of the model.
    ///
    /// The first one is the primary key, `id`.
    public let columns: [Column]
    /// The columns whose values may occur only once.
    public let uniqueKeys: [UniqueKey<Model>]
    /// The version column, for optimistic locking: an update fails if the entity was changed after it was read.
    ///
    /// An update requires that the stored version is the model's, and stores the next one. An insert stores the model's.
    public let versionColumn: String?

    /// Creates a schema.
    ///
    /// All names are written into SQL as they are: 1 to 63 characters of `a`–`z`, `0`–`9` and `_`, the first one no
    /// digit. The first column is `id`, each unique key is on one of the columns, and the version is another column of kind `int`. Anything
    /// else traps.
    public init(table: String, columns: [Column], uniqueKeys: [UniqueKey<Model>] = [], versionColumn: String? = nil) {
        EntitySchema.checkName(table, of: "table")
        for column in columns { EntitySchema.checkName(column.name, of: "column") }
        require(
            columns.first?.name == "id",
            "table \"\(table)\": the first column is \"\(columns.first?.name ?? "")\", must be \"id\""
        )
        for key in uniqueKeys {
            EntitySchema.checkName(key.name, of: "unique key")
            require(
                columns.contains { $0.name == key.column },
                "unique key \"\(key.name)\": table \"\(table)\" has no column \"\(key.column)\""
            )
        }
        self.table = table
        self.columns = columns
        if let versionColumn {
            require(
                columns.dropFirst().contains { $0.name == versionColumn && $0.kind == .int },
                "versionColumn \"\(versionColumn)\": table \"\(table)\" has no such column of kind int beside \"id\""
            )
        }
        self.uniqueKeys = uniqueKeys
        self.versionColumn = versionColumn
    }

    /// The place of the version among the columns.
    package var versionIndex: Int? { self.columns.firstIndex { $0.name == self.versionColumn } }

    private static func checkName(_ name: String, of part: String) {
        let problem = SQLIdentifier.problem(of: name)
        require(problem == nil, "\(part) \"\(name)\": \(problem ?? "")")
    }
}
