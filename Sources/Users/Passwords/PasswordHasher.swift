// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Turns passwords into what may be stored.
public protocol PasswordHasher: Sendable {
    /// A salted hash in PHC string form (`$scrypt$ln=15,r=8,p=3$…$…`).
    ///
    /// - Throws: ``HasherOverloaded`` when too many callers wait; `CancellationError`.
    func hash(_ password: String) async throws -> String

    /// Whether a password is the one that a hash was made of; `false` for a text that is no hash of this kind.
    ///
    /// - Throws: ``HasherOverloaded`` when too many callers wait; `CancellationError`.
    func verify(_ password: String, against hash: String) async throws -> Bool
}

/// So many callers wait for a hash that another one would wait too long.
public struct HasherOverloaded: Error, Sendable {
    /// Makes the error.
    public init() {}
}
