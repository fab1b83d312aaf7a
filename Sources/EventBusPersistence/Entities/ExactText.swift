// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Text that is compared by its UTF-8 bytes, as a database compares it.
///
/// Swift's `String` also equates canonically equivalent texts, such as é as one scalar and as two. As ids or keys these
/// are two different values.
package struct ExactText: Hashable, Sendable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// Whether a database can store the text: Postgres rejects NUL (SQLSTATE 22021).
    package var isStorable: Bool { !self.text.utf8.contains(0) }

    package static func == (left: ExactText, right: ExactText) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = self.text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
