// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A step that brings a module's database schema up to date, as SQL text.
///
/// Steps are applied in the order of their versions, each in its own transaction unless it says otherwise. The module's schema comes
/// first in `search_path`, so names need no qualification. A step that has been applied must never be changed.
public struct Migration: Sendable, Hashable {
    /// The step's place in the order: at least 1 and unique in the module.
    public let version: Int
    /// What the step does, in a few words.
    public let name: String
    /// The statements.
    public let sql: String
    /// The statements, one by one, of a step that runs outside of a transaction; `nil` for all others.
    public let statementsOutsideTransaction: [String]?

    /// Creates a step that takes effect as a whole or not at all.
    public init(_ version: Int, _ name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
        self.statementsOutsideTransaction = nil
    }

    /// Creates a step for what a database does not allow in a transaction, such as `CREATE INDEX CONCURRENTLY`.
    ///
    /// Each text is one statement. If one of them fails, or the process ends meanwhile, the next process begins again with the first one:
    /// the step must be repeatable. An index whose creation was interrupted is left behind invalid, so remove it first:
    ///
    /// ```swift
    /// Migration(3, "index on age", outsideTransaction: [
    ///     "DROP INDEX CONCURRENTLY IF EXISTS people_age",
    ///     "CREATE INDEX CONCURRENTLY people_age ON people (age)",
    /// ])
    /// ```
    ///
    /// The processes that start meanwhile wait until the step is done.
    public init(_ version: Int, _ name: String, outsideTransaction statements: [String]) {
        require(!statements.isEmpty, "migration \(version) (\(name)) has no statement")
        self.version = version
        self.name = name
        self.sql = statements.joined(separator: ";\n")
        self.statementsOutsideTransaction = statements
    }
}
