// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What went wrong on a bus; texts never hold a message's content or a password.
public struct BusError: Error, Sendable {
    /// The kind of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's name, stable over releases.
        public let description: String

        private init(_ name: String) { self.description = name }

        /// A topic or a pattern breaks the rules of ``Topic`` or ``TopicPattern``.
        public static let invalidTopic = Code("invalidTopic")
        /// A message breaks a limit of ``Message/Limits``, or an event cannot be encoded.
        public static let invalidMessage = Code("invalidMessage")
        /// A subscription's name or its numbers are out of range.
        public static let invalidSubscription = Code("invalidSubscription")
        /// A configuration value is missing or malformed.
        public static let invalidConfiguration = Code("invalidConfiguration")
        /// A message is no JSON of the expected shape, or its version is too new.
        public static let undecodable = Code("undecodable")
        /// No subscription matches a message that requires one.
        public static let unroutable = Code("unroutable")
        /// There is no subscription of that name.
        public static let unknownSubscription = Code("unknownSubscription")
        /// The bus said no.
        public static let refused = Code("refused")
        /// The message was sent, the answer was lost: it may or may not be on the bus.
        public static let outcomeUnknown = Code("outcomeUnknown")
        /// The bus cannot be reached right now.
        public static let unavailable = Code("unavailable")
        /// The connection that deliveries came through is gone; what was unsettled goes back.
        public static let connectionLost = Code("connectionLost")
        /// What exists on the broker differs from what the code declares.
        public static let topologyMismatch = Code("topologyMismatch")
        /// The bus has been shut down.
        public static let closed = Code("closed")
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, for a person.
    public let message: String
    /// The error beneath, if there is one.
    public let cause: (any Error)?

    /// Makes an error.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension BusError: CustomStringConvertible {
    /// The code and the message; the cause is left out since it may hold content.
    public var description: String { "\(self.code): \(self.message)" }
}
