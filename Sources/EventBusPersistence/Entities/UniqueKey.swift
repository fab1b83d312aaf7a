// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A column in which a value may occur only once, as a value that both stores and callers can name.
///
/// It is data, so that nobody has to remember to lower-case a name before looking for it.
public struct UniqueKey<Model>: Sendable, Hashable {
    /// The name of the unique index or constraint.
    public let name: String
    /// The column.
    public let column: String
    /// Whether values that differ only in the case of ASCII letters are the same.
    ///
    /// In Postgres the index is on `lower(column COLLATE "C")`, which treats other letters exactly as the in-memory store does.
    public let ignoringCase: Bool

    /// Describes a unique key.
    public init(_ name: String, on column: String, ignoringCase: Bool = false) {
        self.name = name
        self.column = column
        self.ignoringCase = ignoringCase
    }

    /// The form in which two values are compared.
    package func normalized(_ value: ColumnValue) -> ColumnValue {
        guard self.ignoringCase, case .text(let text) = value else { return value }
        return .text(UniqueKey.asciiLowercased(text))
    }

    /// The text with ASCII capitals lowered and nothing else changed.
    package static func asciiLowercased(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
