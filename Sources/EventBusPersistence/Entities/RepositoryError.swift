// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// An error of a store.
///
/// Its texts name tables, columns and keys, never a stored value.
public struct RepositoryError: Error, Sendable {
    /// The kind of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's name, which stays the same across releases.
        public let description: String

        private init(_ name: String) { self.description = name }

        /// A unique key is taken: the one named by ``RepositoryError/key``.
        public static let conflict = Code("conflict")
        /// The entity to update does not exist.
        public static let notFound = Code("notFound")
        /// The entity to update has another version than the model: it was changed after it had been read.
        public static let stale = Code("stale")
        /// The store cannot be reached at the moment; nothing has changed.
        public static let unavailable = Code("unavailable")
        /// The store did not answer in time; nothing has changed.
        public static let timedOut = Code("timedOut")
        /// The connection was lost during a commit, which may or may not have taken effect.
        public static let commitUnknown = Code("commitUnknown")
        /// The transaction collided with a concurrent one; running it again helps.
        public static let serialization = Code("serialization")
        /// A row was locked by another transaction for longer than the store waits; nothing has changed.
        ///
        /// For a consumer this is a failed attempt: the events about other rows go on meanwhile.
        public static let locked = Code("locked")
        /// A value cannot be stored, for example text with a NUL.
        public static let invalidValue = Code("invalidValue")
        /// The model does not match its schema, or the schema does not match the database.
        public static let schemaMismatch = Code("schemaMismatch")
        /// The transaction belongs to another store.
        public static let foreignTransaction = Code("foreignTransaction")
        /// The closure that the transaction was lent to has returned.
        public static let transactionEnded = Code("transactionEnded")
        /// A configuration value is missing or malformed.
        public static let invalidConfiguration = Code("invalidConfiguration")
        /// A migration cannot be applied.
        public static let migration = Code("migration")
        /// The database reported an error that has no code of its own here.
        public static let database = Code("database")
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, for people to read.
    public let message: String
    /// The name of the unique key that is taken, for ``Code/conflict``.
    public let key: String?
    /// The underlying error, if there is one.
    public let cause: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, key: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.key = key
        self.cause = cause
    }

    /// Creates the error for a unique key that is taken.
    public static func conflict<Model>(_ key: UniqueKey<Model>) -> RepositoryError {
        RepositoryError(.conflict, "unique key \(key.name) is taken", key: key.name)
    }

    /// Whether this is a conflict on the given key.
    public func isConflict<Model>(on key: UniqueKey<Model>) -> Bool {
        self.code == .conflict && self.key == key.name
    }

    /// Whether the same work may succeed later without a change: the store was unreachable, slow or busy.
    public var isTransient: Bool {
        [.unavailable, .timedOut, .commitUnknown, .serialization, .locked].contains(self.code)
    }
}

extension RepositoryError: CustomStringConvertible {
    /// The code and the message, without the cause, which may contain stored values.
    public var description: String { "\(self.code): \(self.message)" }
}

extension RepositoryError: SafelyDescribedError {
    /// The code and the message, which name no stored value.
    public var safeDescription: String { self.description }
}
