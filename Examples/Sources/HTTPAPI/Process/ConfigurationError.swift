// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A setting with which a program cannot start; names the environment variable, never holds its value.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The environment variable, or several that belong together.
    public let variable: String
    /// What is wrong, to be read after the variable's name.
    public let problem: String

    /// Creates an error.
    public init(_ variable: String, _ problem: String) {
        self.variable = variable
        self.problem = problem
    }

    /// One line for a person.
    public var description: String { "\(self.variable) \(self.problem)" }
}
