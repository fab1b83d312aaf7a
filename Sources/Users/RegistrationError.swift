// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The reason why a registration was rejected, without the values.
public struct RegistrationError: Error, Sendable, Hashable {
    /// The kind of failure.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name, which stays the same across releases.
        public let description: String

        private init(_ name: String) { self.description = name }

        /// Values break a rule.
        public static let invalid = Code("invalid")
        /// Values belong to another user.
        public static let taken = Code("taken")
    }

    /// A field and the problem with its value.
    public struct Violation: Sendable, Hashable {
        /// The field.
        public let field: RegistrationField
        /// The problem, worded to follow the field's name.
        public let problem: String

        /// Creates a violation.
        public init(_ field: RegistrationField, _ problem: String) {
            self.field = field
            self.problem = problem
        }
    }

    /// The kind of failure.
    public let code: Code
    /// All problems.
    public let violations: [Violation]

    /// Creates the error for values that break a rule.
    public static func invalid(_ violations: [Violation]) -> RegistrationError {
        RegistrationError(code: .invalid, violations: violations)
    }

    /// Creates the error for values that belong to another user, whatever their letter case.
    public static func taken(_ fields: [RegistrationField]) -> RegistrationError {
        RegistrationError(code: .taken, violations: fields.map { Violation($0, "is taken") })
    }
}

extension RegistrationError: CustomStringConvertible {
    /// The code and the fields.
    public var description: String {
        "\(self.code): " + self.violations.map { "\($0.field.rawValue) \($0.problem)" }.joined(separator: ", ")
    }
}
