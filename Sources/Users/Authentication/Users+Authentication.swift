// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import EventBusPersistence

extension Users {
    /// Returns the user with a name and a password.
    ///
    /// Nobody can find out who is registered: a wrong password and an unknown name have the same error after the same work. Only
    /// a user whose hash was made with other parameters than those of today can be told apart by time, until the next login.
    ///
    /// A hash that is weaker than today's is replaced at a login, unless the password has been changed in the meantime. When that
    /// fails, the login succeeds all the same, and the next one tries again.
    ///
    /// - Parameters:
    ///   - name: the user name or the e-mail address, in any letter case.
    ///   - password: the password as it was typed; see RFC 8265 §4.2.3 for what makes two of them equal.
    /// - Throws: ``AuthenticationError`` if they belong to nobody; `RepositoryError` if the store cannot be reached;
    ///   ``HasherOverloaded``; `CancellationError`.
    public func authenticate(_ name: String, password: String) async throws -> User {
        let prepared = PreparedPassword(password)
        let user = try await self.user(named: name)
        guard let match = try await self.match(prepared, of: user), let user else { throw AuthenticationError() }
        let isPrepared = match.utf8.elementsEqual(prepared.text.utf8)
        if !isPrepared || self.hasher.isWeaker(user.passwordHash) { try await self.renewHash(of: user, prepared) }
        return user
    }

    /// Returns the user with an id, or `nil`.
    ///
    /// - Throws: `RepositoryError` if the store cannot be reached.
    public func user(_ id: Identifier) async throws -> User? {
        try await self.users.find(id)
    }

    /// User names have no `@`, e-mail addresses have one.
    ///
    /// What nobody can have registered with is not looked up.
    private func user(named name: String) async throws -> User? {
        if Registration.isUsername(name) { return try await self.users.find(by: User.byUsername, name) }
        if EmailAddress.isValid(name) { return try await self.users.find(by: User.byEmail, name) }
        return nil
    }

    /// Returns the form that matches the user's hash.
    ///
    /// For nobody it makes as many hashes, which cost the same.
    private func match(_ password: PreparedPassword, of user: User?) async throws -> String? {
        for candidate in password.candidates {
            if let user {
                if try await self.hasher.verify(candidate, against: user.passwordHash) { return candidate }
            } else {
                _ = try await self.hasher.hash(candidate)
            }
        }
        return nil
    }

    private func renewHash(of user: User, _ password: PreparedPassword) async throws {
        do {
            let hash = try await self.hasher.hash(password.text)
            try await self.store.transaction { transaction in
                // Read with a lock: whoever changes the password at the same time does it before or after this.
                guard let stored = try await self.users.find(user.id, in: transaction),
                    stored.passwordHash == user.passwordHash
                else { return }
                try self.users.update(stored.with(passwordHash: hash), in: transaction)
            }
        } catch is HasherOverloaded, is RepositoryError {
            // There is no hurry.
        }
    }
}
