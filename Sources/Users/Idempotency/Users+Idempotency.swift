// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension Users {
    /// Registers a user once, however often a client that has lost the answer tries again with the same key.
    ///
    /// Only success is remembered, for ``IdempotencyKey/lifetime``; what has failed is tried anew. Attempts at the same time, in any
    /// number of processes, wait for each other in the store, and all of them get the one user.
    ///
    /// - Throws: ``IdempotencyKeyReused`` if the key belongs to a registration with other values; what ``register(_:)`` throws.
    public func register(_ registration: Registration, key: IdempotencyKey) async throws -> User {
        try registration.validate()
        let former = try await self.keys.find(by: KeyUse.byKey, key.text)
        if let former, former.isRemembered(at: Stamp.next().time) {
            return try await self.user(of: former, asIn: registration)
        }
        do {
            return try await self.create(registration) { user, transaction in
                // Before the user, so that of several attempts at once the key decides, and not the name.
                if let former {
                    try self.keys.update(former.again(by: user), in: transaction)
                } else {
                    try self.keys.insert(KeyUse(key, by: user, id: Stamp.next().id), in: transaction)
                }
            }
        } catch let error where Self.mayHaveLost(error) {
            let winner = try await self.keys.find(by: KeyUse.byKey, key.text)
            if let winner, winner.isRemembered(at: Stamp.next().time) {
                return try await self.user(of: winner, asIn: registration)
            }
            if let error = error as? RepositoryError, !error.isTransient {
                // The key's row was old, and is gone or somebody's for a moment: another attempt finds out.
                throw RepositoryError(.serialization, "the key of a registration was changed at the same time")
            }
            throw error
        }
    }

    /// Whether an attempt may have failed because another one with the same key, or this one itself, has succeeded.
    private static func mayHaveLost(_ error: any Error) -> Bool {
        switch error {
        case let error as RegistrationError: error.code == .taken
        case let error as RepositoryError: [.conflict, .stale, .notFound, .commitUnknown].contains(error.code)
        default: false
        }
    }

    /// The user that a key was used for, if the values are the same.
    ///
    /// The password is compared with the stored hash: nothing else is kept that somebody who has read the table could guess it with.
    private func user(of use: KeyUse, asIn registration: Registration) async throws -> User {
        guard let user = try await self.users.find(use.userID),
            user.username == registration.username, user.email == registration.email,
            try await self.hasher.verify(PreparedPassword(registration.password).text, against: user.passwordHash)
        else { throw IdempotencyKeyReused() }
        return user
    }
}
