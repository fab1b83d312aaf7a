// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A step that brings a module's database schema up to date, as SQL text.
///
/// Steps are applied in the order of their versions, each in its own transaction. The module's schema comes first in
/// `search_path`, so names need no qualification. A step that has been applied must never be changed.
public struct Migration: Sendable, Hashable {
    /// The step's place in the order: at least 1 and unique in the module.
    public let version: Int
    /// What the step does, in a few words.
    public let name: String
    /// The statements.
    public let sql: String

    /// Creates a step.
    public init(_ version: Int, _ name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }
}
