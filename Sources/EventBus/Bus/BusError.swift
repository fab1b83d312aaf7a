// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// An error of a bus; its texts never contain the content of a message or a password.
public struct BusError: Error, Sendable {
    /// The kind of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's name, which does not change between releases.
        public let description: String

        private init(_ name: String) { self.description = name }

        /// A topic or a pattern violates the rules of ``Topic`` or ``TopicPattern``.
        public static let invalidTopic = Code("invalidTopic")
        /// A message exceeds a limit of ``Message/Limits`` or uses a reserved header name, or an event cannot be encoded.
        public static let invalidMessage = Code("invalidMessage")
        /// A subscription's name is not allowed, it has no pattern, or its prefetch, in messages or bytes, is out of range.
        public static let invalidSubscription = Code("invalidSubscription")
        /// A configuration value is missing or malformed.
        public static let invalidConfiguration = Code("invalidConfiguration")
        /// A message's body is not JSON of the expected shape, or its version is too new.
        public static let undecodable = Code("undecodable")
        /// A message requires a subscriber and no subscription matches its topic.
        public static let unroutable = Code("unroutable")
        /// No subscription has the given name.
        public static let unknownSubscription = Code("unknownSubscription")
        /// A subscription cannot be removed, or moved if it is ordered, while a consumer is open.
        public static let subscriptionInUse = Code("subscriptionInUse")
        /// A subscription cannot be removed while it holds messages or dead letters.
        public static let subscriptionNotEmpty = Code("subscriptionNotEmpty")
        /// The bus received the message and rejected it, for example because a queue is at its length limit.
        public static let refused = Code("refused")
        /// The message was sent but the bus's answer was lost, so the message may or may not be stored.
        public static let outcomeUnknown = Code("outcomeUnknown")
        /// The bus cannot be reached or has no room at the moment; trying again later can succeed.
        public static let unavailable = Code("unavailable")
        /// The connection that carried the deliveries was lost; everything unsettled is delivered again.
        public static let connectionLost = Code("connectionLost")
        /// A subscription, queue or exchange exists with properties that differ from those the code declares.
        public static let topologyMismatch = Code("topologyMismatch")
        /// The bus has been shut down.
        public static let closed = Code("closed")
    }

    /// The kind of failure.
    public let code: Code
    /// A description of what happened, written for people.
    public let message: String
    /// The underlying error, if there is one.
    public let cause: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension BusError: CustomStringConvertible {
    /// The code and the message; the cause is left out because it may contain a message's content.
    public var description: String { "\(self.code): \(self.message)" }
}
