// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The values with which somebody wants to register.
public struct Registration: Sendable {
    /// A field of the form.
    public typealias Field = RegistrationField

    /// 3 to 64 ASCII letters, digits, `.`, `_` and `-`.
    public let username: String
    /// An unquoted address of RFC 5321 §4.1.2: ASCII, at most 254 bytes, with a domain name of at least two labels.
    public let email: String
    /// 8 to 1024 bytes of UTF-8, counted after the preparation of RFC 8265 (spaces of other scripts as U+0020, NFC), in which
    /// equal passwords have equal bytes.
    public let password: String

    /// Creates a registration without checking the values.
    public init(username: String, email: String, password: String) {
        self.username = username
        self.email = email
        self.password = password
    }

    /// Checks all fields.
    ///
    /// - Throws: ``RegistrationError`` with code `invalid`, which lists all fields that break a rule.
    public func validate() throws(RegistrationError) {
        var violations: [RegistrationError.Violation] = []
        if !Registration.isUsername(self.username) {
            violations.append(.init(.username, "must be 3 to 64 letters, digits, '.', '_' or '-'"))
        }
        if !EmailAddress.isValid(self.email) {
            violations.append(.init(.email, "must be an e-mail address of at most 254 characters"))
        }
        if !PreparedPassword(self.password).hasValidLength {
            violations.append(.init(.password, "must have 8 to 1024 bytes"))
        }
        if !violations.isEmpty { throw .invalid(violations) }
    }

    static func isUsername(_ text: String) -> Bool {
        (3...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                byte.isASCIILetterOrDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: "-")
            }
    }
}

extension Registration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// A text without the values.
    public var description: String { "a registration" }

    /// A text without the values.
    public var debugDescription: String { self.description }

    /// A mirror without the values, so that no password reaches a log through `dump`.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
