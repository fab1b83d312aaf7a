// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Says which part of a Postgres URL or setting is wrong.
///
/// It never holds the password.
public struct PostgresConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of mistake it is.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// The URL does not start with `postgres://` or `postgresql://`.
        public static let unsupportedScheme = Self(description: "unsupportedScheme")
        /// A required part is missing.
        public static let missingPart = Self(description: "missingPart")
        /// A part is there but can't be used.
        public static let invalidPart = Self(description: "invalidPart")
        /// A query key isn't one that this package passes on.
        public static let unknownParameter = Self(description: "unknownParameter")
        /// A query key appears twice.
        public static let repeatedParameter = Self(description: "repeatedParameter")
    }

    /// What kind of mistake it is.
    public let code: Code
    /// The part that is wrong, such as `port` or `sslmode`; never its value.
    public let part: String

    init(_ code: Code, part: String) {
        self.code = code
        self.part = part
    }

    /// What is wrong, without the value.
    public var description: String {
        switch self.code {
        case .unsupportedScheme: "the scheme must be postgres:// or postgresql://"
        case .missingPart: "the \(self.part) is missing"
        case .unknownParameter: "the parameter \(self.part) is not known"
        case .repeatedParameter: "the parameter \(self.part) appears twice"
        default: "the \(self.part) is not valid"
        }
    }
}
