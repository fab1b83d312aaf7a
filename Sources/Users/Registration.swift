// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What somebody who wants to register has typed.
public struct Registration: Sendable {
    /// A field of the form.
    public typealias Field = RegistrationField

    /// 3 to 64 ASCII letters, digits, `.`, `_` and `-`.
    public let username: String
    /// An address as in RFC 5321 §4.1.2 without quotes: ASCII, at most 254 bytes, a domain name of at least two labels.
    public let email: String
    /// 8 to 1024 bytes of UTF-8.
    public let password: String

    /// Makes a registration of unchecked values.
    public init(username: String, email: String, password: String) {
        self.username = username
        self.email = email
        self.password = password
    }

    /// Checks every field.
    ///
    /// - Throws: ``RegistrationError`` with code `invalid` that lists all fields that break a rule.
    public func validate() throws(RegistrationError) {
        var violations: [RegistrationError.Violation] = []
        if !Registration.isUsername(self.username) {
            violations.append(.init(.username, "must be 3 to 64 letters, digits, '.', '_' or '-'"))
        }
        if !EmailAddress.isValid(self.email) {
            violations.append(.init(.email, "must be an e-mail address of at most 254 characters"))
        }
        if !(8...1024).contains(self.password.utf8.count) {
            violations.append(.init(.password, "must have 8 to 1024 bytes"))
        }
        if !violations.isEmpty { throw .invalid(violations) }
    }

    private static func isUsername(_ text: String) -> Bool {
        (3...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                byte.isASCIILetterOrDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: "-")
            }
    }
}

extension Registration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without what was typed.
    public var description: String { "a registration" }

    /// Without what was typed.
    public var debugDescription: String { self.description }

    /// Without what was typed: a password must not reach a log through a dump either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
