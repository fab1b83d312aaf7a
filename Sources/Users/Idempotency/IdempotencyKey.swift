// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a client chooses for one registration and sends again with each further attempt, so that it registers once.
///
/// This is the value of the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a Structured Field string (RFC 9651
/// §3.3.3), whose quotes may be left out. It should be hard to guess, such as a UUID, since keys of all clients share one space.
public struct IdempotencyKey: Sendable, Hashable {
    /// For how long a key is remembered after the registration; later it means a new one.
    public static let lifetime = Duration.seconds(24 * 3600)

    /// The text without quotes: 1 to 255 printable ASCII characters.
    let text: String

    /// Creates a key.
    ///
    /// - Throws: ``Malformed`` unless the text has 1 to 255 printable ASCII characters.
    public init(_ text: String) throws(Malformed) {
        let isQuoted = text.utf8.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"")
        let bare = isQuoted ? String(text.dropFirst().dropLast()) : text
        guard (1...255).contains(bare.utf8.count), bare.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw Malformed()
        }
        self.text = bare
    }

    /// A text that cannot be a key.
    public struct Malformed: Error, Sendable, CustomStringConvertible {
        /// The rule, without the text.
        public var description: String { "an idempotency key must have 1 to 255 printable ASCII characters" }
    }
}

extension IdempotencyKey: CustomStringConvertible {
    /// A text without the key, which clients may make of what a user has typed.
    public var description: String { "an idempotency key" }
}

/// An idempotency key belongs to a registration with other values: the client needs a new key for a new registration.
public struct IdempotencyKeyReused: Error, Sendable {
    /// Creates the error.
    public init() {}
}
