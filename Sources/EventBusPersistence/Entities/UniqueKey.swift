// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A column in which each value may occur only once.
///
/// Since the key knows whether letter case matters, no caller has to remember to lower-case a value before looking it
/// up.
public struct UniqueKey<Model>: Sendable, Hashable {
    /// The name of the unique index or constraint.
    public let name: String
    /// The column.
    public let column: String
    /// Whether values that differ only in the case of ASCII letters are equal.
    ///
    /// In Postgres the index is on `lower(column COLLATE "C")`, which like the in-memory store changes ASCII letters
    /// only.
    public let ignoringCase: Bool

    /// Creates a unique key.
    public init(_ name: String, on column: String, ignoringCase: Bool = false) {
        self.name = name
        self.column = column
        self.ignoringCase = ignoringCase
    }

    /// The form in which values are compared.
    package func normalized(_ value: ColumnValue) -> ColumnValue {
        guard self.ignoringCase, case .text(let text) = value else { return value }
        return .text(UniqueKey.asciiLowercased(text))
    }

    /// The text with its ASCII letters in lower case.
    package static func asciiLowercased(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
