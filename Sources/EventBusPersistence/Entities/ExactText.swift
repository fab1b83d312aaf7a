// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Text that is the same when its bytes are, as for a database.
///
/// Swift's `String` also equates what merely looks alike, such as é as one scalar and as two: as an id or a key that would
/// make one thing of two.
package struct ExactText: Hashable, Sendable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// Text of a database never holds NUL (Postgres refuses it with SQLSTATE 22021).
    package var isStorable: Bool { !self.text.utf8.contains(0) }

    package static func == (left: ExactText, right: ExactText) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = self.text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
