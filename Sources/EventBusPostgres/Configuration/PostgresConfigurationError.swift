// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// An invalid part of a Postgres URL.
///
/// The error names the part and the rule, but never contains a value, which could be a secret.
public struct PostgresConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of mistake.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// The URL does not start with `postgres://` or `postgresql://`.
        public static let unsupportedScheme = Self(description: "unsupportedScheme")
        /// A required part is missing.
        public static let missingPart = Self(description: "missingPart")
        /// A part breaks a rule.
        public static let invalidPart = Self(description: "invalidPart")
        /// A query key is not supported.
        public static let unknownParameter = Self(description: "unknownParameter")
        /// A query key appears twice.
        public static let repeatedParameter = Self(description: "repeatedParameter")
    }

    /// The kind of mistake.
    public let code: Code
    /// The part that is wrong, such as `port` or `sslmode`; never its value.
    public let part: String
    private let rule: String

    init(_ code: Code, part: String, rule: String = "") {
        self.code = code
        self.part = part
        self.rule = rule
    }

    /// The part and the rule that it breaks, without the value.
    public var description: String {
        switch self.code {
        case .unsupportedScheme: "Postgres URL: the scheme must be postgres:// or postgresql://"
        case .missingPart: "Postgres URL: \(self.part) is missing\(self.rule.isEmpty ? "" : ": ")\(self.rule)"
        case .unknownParameter: "Postgres URL: the parameter \(self.part) is not supported"
        case .repeatedParameter: "Postgres URL: the parameter \(self.part) occurs twice"
        default: "Postgres URL: \(self.part): \(self.rule)"
        }
    }
}
