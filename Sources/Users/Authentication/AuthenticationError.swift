// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The name is nobody's or the password is another one; nobody learns which.
public struct AuthenticationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Creates the error.
    public init() {}

    /// A sentence without values.
    public var description: String { "the name or the password is wrong" }
}
