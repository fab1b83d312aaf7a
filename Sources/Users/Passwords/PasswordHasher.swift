// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Hashes passwords, so that they can be stored and verified.
public protocol PasswordHasher: Sendable {
    /// Returns a salted hash in PHC string format (`$scrypt$ln=15,r=8,p=3$…$…`).
    ///
    /// - Throws: ``HasherOverloaded`` if too many callers wait; `CancellationError`.
    func hash(_ password: String) async throws -> String

    /// Returns whether a password matches a hash; `false` if the text is no hash of this kind.
    ///
    /// - Throws: ``HasherOverloaded`` if too many callers wait; `CancellationError`.
    func verify(_ password: String, against hash: String) async throws -> Bool
}

/// Too many callers wait for a hash.
public struct HasherOverloaded: Error, Sendable {
    /// Creates the error.
    public init() {}
}
