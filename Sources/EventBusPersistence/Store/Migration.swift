// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A step of a module's database schema, as SQL text that its module brings along.
///
/// Steps are applied in order of version, each in a transaction of its own, with the module's schema first in
/// `search_path`, so names are written unqualified. A step that has been applied must never be changed.
public struct Migration: Sendable, Hashable {
    /// The place in the order; positive and unique in the module.
    public let version: Int
    /// What the step does, in a few words.
    public let name: String
    /// The statements.
    public let sql: String

    /// Describes a step.
    public init(_ version: Int, _ name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }
}
