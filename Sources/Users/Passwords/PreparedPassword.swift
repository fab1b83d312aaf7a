// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A password as it is hashed: in the profile OpaqueString of RFC 8265 §4.2.2, so that "é" is one password, whether a keyboard
/// writes it as one code point or as two.
///
/// Spaces of other scripts become U+0020, then the text is normalized to NFC. Letter case and everything else stay; what the
/// profile forbids, such as control characters, is not refused, since that would lock out who has registered with it.
struct PreparedPassword: Sendable {
    /// The number of bytes in UTF-8 that a new password may have.
    static let lengths = 8...1024

    /// What new hashes are made of.
    let text: String
    /// What may match a stored hash, in the order in which it is tried: the prepared form, and what was typed if it differs.
    ///
    /// Earlier versions hashed what was typed; of such a hash the prepared form may be another password. Both depend only on what
    /// was typed, so that the time that a login takes tells nothing about the user.
    let candidates: [String]

    /// Whether a new password may have this length.
    var hasValidLength: Bool { Self.lengths.contains(self.text.utf8.count) }

    init(_ typed: String) {
        var spaced = String.UnicodeScalarView()
        for scalar in typed.unicodeScalars {
            spaced.append(scalar.properties.generalCategory == .spaceSeparator ? " " : scalar)
        }
        self.text = String(spaced).composed
        // Strings are equal when they are canonically equivalent: the difference is in the bytes.
        let forms = self.text.utf8.elementsEqual(typed.utf8) ? [self.text] : [self.text, typed]
        self.candidates = forms.filter { (1...Self.lengths.upperBound).contains($0.utf8.count) }
    }
}
