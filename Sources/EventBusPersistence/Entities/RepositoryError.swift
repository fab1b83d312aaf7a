// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What went wrong in a store.
///
/// Texts name tables, columns and keys, never a value.
public struct RepositoryError: Error, Sendable {
    /// The kind of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's name, stable over releases.
        public let description: String

        private init(_ name: String) { self.description = name }

        /// A unique key is taken; ``RepositoryError/key`` says which.
        public static let conflict = Code("conflict")
        /// The entity to update does not exist.
        public static let notFound = Code("notFound")
        /// The store cannot be reached right now; nothing has been changed.
        public static let unavailable = Code("unavailable")
        /// The connection was lost while a commit was under way: it has taken effect or not.
        public static let commitUnknown = Code("commitUnknown")
        /// The store could not order concurrent transactions; running the transaction again helps.
        public static let serialization = Code("serialization")
        /// A value cannot be stored, for example text with a NUL.
        public static let invalidValue = Code("invalidValue")
        /// The model and its schema, or the schema and the database, do not fit together.
        public static let schemaMismatch = Code("schemaMismatch")
        /// The transaction belongs to another store.
        public static let foreignTransaction = Code("foreignTransaction")
        /// The transaction's scope has ended.
        public static let transactionEnded = Code("transactionEnded")
        /// A configuration value is missing or malformed.
        public static let invalidConfiguration = Code("invalidConfiguration")
        /// A migration cannot be applied.
        public static let migration = Code("migration")
        /// The database said no for a reason that has no code of its own here.
        public static let database = Code("database")
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, for a person.
    public let message: String
    /// The name of the unique key that is taken.
    public let key: String?
    /// The error beneath, if there is one.
    public let cause: (any Error)?

    /// Makes an error.
    public init(_ code: Code, _ message: String, key: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.key = key
        self.cause = cause
    }

    /// A unique key that is taken.
    public static func conflict<Model>(_ key: UniqueKey<Model>) -> RepositoryError {
        RepositoryError(.conflict, "unique key \(key.name) is taken", key: key.name)
    }

    /// Whether this is a conflict on that key.
    public func isConflict<Model>(on key: UniqueKey<Model>) -> Bool {
        self.code == .conflict && self.key == key.name
    }

    /// Whether the same work may succeed later without anybody changing anything: the store was away or busy.
    public var isTransient: Bool {
        self.code == .unavailable || self.code == .commitUnknown || self.code == .serialization
    }
}

extension RepositoryError: CustomStringConvertible {
    /// The code and the message; the cause is left out since it may hold content.
    public var description: String { "\(self.code): \(self.message)" }
}
