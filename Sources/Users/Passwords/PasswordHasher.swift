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

    /// Returns whether a hash costs an attacker less than one that ``hash(_:)`` would make now.
    ///
    /// Such a hash is replaced at the user's next login. Without an implementation none is.
    func isWeaker(_ hash: String) -> Bool
}

extension PasswordHasher {
    /// `false`: hashes are kept as they are.
    public func isWeaker(_ hash: String) -> Bool { false }
}

/// Too many callers wait for a hash, or one has waited for too long.
public struct HasherOverloaded: Error, Sendable {
    /// Creates the error.
    public init() {}
}
