// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
public import EventBusPersistence

/// Registers users and knows them again: stores them, publishes `user.created` and checks passwords.
///
/// The module depends only on a store, not on a bus or on the consumers of its events.
public struct Users: Sendable {
    let store: any Store
    let users: any Repository<User>
    let hasher: any PasswordHasher

    /// Creates the service.
    ///
    /// - Parameters:
    ///   - store: the store with the users and the outbox.
    ///   - hasher: hashes passwords, for example ``ScryptHasher``; tests can inject a fast one.
    public init(store: any Store, hasher: any PasswordHasher) {
        self.store = store
        self.users = store.repository(for: User.self)
        self.hasher = hasher
    }

    /// The idempotency keys that were used.
    var keys: any Repository<KeyUse> { self.store.repository(for: KeyUse.self) }

    /// Stores a new user and publishes `user.created` in the same commit.
    ///
    /// - Throws: ``RegistrationError`` if values break a rule or belong to another user, whatever their letter case;
    ///   `RepositoryError` if the store cannot be reached; ``HasherOverloaded``; `CancellationError`.
    public func register(_ registration: Registration) async throws -> User {
        try registration.validate()
        return try await self.create(registration) { _, _ in }
    }

    /// Creates a user from values that are valid.
    ///
    /// - Parameter remember: adds to the transaction what is written before the user.
    func create(
        _ registration: Registration,
        _ remember: (User, borrowing Transaction) throws -> Void
    ) async throws -> User {
        // Reject taken names before the costly hashing. The unique keys of the store decide races.
        try await self.refuseTaken(registration)
        let hash = try await self.hasher.hash(PreparedPassword(registration.password).text)
        let stamp = Stamp.next()
        let user = User(
            id: stamp.id,
            username: registration.username,
            email: registration.email,
            passwordHash: hash,
            createdAt: stamp.time
        )
        do {
            try await self.store.transaction { transaction in
                try remember(user, transaction)
                try self.users.insert(user, in: transaction)
                try transaction.publish(UserCreated(user))
            }
        } catch let error as RepositoryError {
            if error.isConflict(on: User.byUsername) { throw RegistrationError.taken([.username]) }
            if error.isConflict(on: User.byEmail) { throw RegistrationError.taken([.email]) }
            throw error
        }
        return user
    }

    private func refuseTaken(_ registration: Registration) async throws {
        let keys = try await self.users.taken([
            User.byUsername: .text(registration.username), User.byEmail: .text(registration.email),
        ])
        let taken: [Registration.Field] =
            (keys.contains(User.byUsername) ? [.username] : []) + (keys.contains(User.byEmail) ? [.email] : [])
        if !taken.isEmpty { throw RegistrationError.taken(taken) }
    }
}
