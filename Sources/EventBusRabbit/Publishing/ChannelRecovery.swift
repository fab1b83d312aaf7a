// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension PublishOutcome {
    static func tooLarge(_ size: Int, limit: Int) -> PublishOutcome {
        .refused(reason: "the body has \(size) bytes, the broker accepts at most \(limit) (max_message_size)")
    }
}

/// What to do after the broker has closed a channel because of a message: a pure state machine.
///
/// The broker does not say which message it was. What was on its way is not known any more; afterwards those that may have been the
/// cause are sent one at a time, until the one that closes the channel again is found. From then on that one's topic, or queue, is
/// always alone on the channel, so that it costs the others a pause at most.
struct ChannelRecovery {
    /// Whom the failure concerns.
    enum Scope: Hashable {
        /// All messages whose bodies are larger.
        case larger(than: Int)
        /// One message.
        case message
        /// Every message, since the exchange is missing.
        case exchange
        /// Every message, since a right is missing.
        case everything
    }

    /// What to do now.
    struct Plan: Hashable {
        let scope: Scope
        let failure: ConnectionFailure
        /// Whether the one message that was on its way is known to be the cause.
        let isCertain: Bool
        /// How long to wait before a new channel is opened.
        let pause: Duration
        /// Whether messages fail meanwhile instead of waiting.
        let failsOthers: Bool

        /// What became of a message that was on its way.
        func outcome(of message: Outgoing) -> PublishOutcome {
            switch self.scope {
            case .larger(let limit) where message.bodySize > limit: .tooLarge(message.bodySize, limit: limit)
            case .message where self.isCertain: .refused(reason: self.failure.text)
            case .exchange where self.isCertain, .everything where self.isCertain:
                .notSent(self.failure.busError(.unavailable))
            default: .unknown
            }
        }
    }

    private static let mostCulprits = 100

    /// How many channels have been closed since the last message was confirmed.
    private(set) var fruitless = 0
    /// How many of the next messages are to be sent one at a time.
    private var suspects = 0
    /// The topics or queues whose messages have closed a channel.
    private var culprits: Set<String> = []

    /// Whether ``isAlone(_:)`` can be true.
    var isCautious: Bool { self.suspects > 0 || !self.culprits.isEmpty }

    /// Whether a message is to be sent only when nothing else is on its way.
    func isAlone(_ routingKey: String) -> Bool { self.suspects > 0 || self.culprits.contains(routingKey) }

    /// The broker has closed the channel.
    ///
    /// - Parameters:
    ///   - open: the topics or queues of the messages that were on their way.
    ///   - largest: the size of the largest of their bodies.
    ///   - isOnly: whether no other message can have been the cause.
    mutating func closed(_ failure: ConnectionFailure, open: [String], largest: Int, isOnly: Bool) -> Plan {
        var scope = Self.scope(of: failure)
        if case .larger(let limit) = scope, largest <= limit { scope = .message }
        self.fruitless += 1
        switch scope {
        case .larger: break
        case .message where isOnly:
            if self.culprits.count >= Self.mostCulprits { self.culprits = [] }
            self.culprits.formUnion(open)
            // The others are not to blame; a second culprit makes them suspects again.
            self.suspects = 0
        case .message: self.suspects = max(self.suspects, open.count)
        case .exchange, .everything: self.suspects = 1
        }
        return Plan(
            scope: scope,
            failure: failure,
            isCertain: isOnly,
            pause: self.pause(scope),
            failsOthers: self.failsOthers(scope)
        )
    }

    /// A message was answered.
    mutating func answered(_ routingKey: String, isConfirmed: Bool) {
        self.suspects = max(0, self.suspects - 1)
        guard isConfirmed else { return }
        self.culprits.remove(routingKey)
    }

    /// Messages were confirmed.
    mutating func confirmed() { self.fruitless = 0 }

    private func pause(_ scope: Scope) -> Duration {
        switch scope {
        case .larger, .message: self.grown(from: .milliseconds(50), to: .seconds(1))
        case .exchange: self.grown(from: .milliseconds(250), to: .seconds(4))
        case .everything: max(.milliseconds(250), self.grown(from: .milliseconds(250), to: .seconds(4)))
        }
    }

    /// The first time nothing has been tried in vain yet.
    private func grown(from first: Duration, to longest: Duration) -> Duration {
        self.fruitless <= 1 ? .zero : min(first * (1 << min(self.fruitless - 2, 10)), longest)
    }

    private func failsOthers(_ scope: Scope) -> Bool {
        switch scope {
        case .larger, .message: false
        // Declaring it again helps, or it does not.
        case .exchange: self.fruitless > 1
        case .everything: true
        }
    }

    static func scope(of failure: ConnectionFailure) -> Scope {
        switch failure.code {
        case .channelClosed(406):
            Self.limit(in: failure.text).map { .larger(than: $0) } ?? .message
        case .channelClosed(404): .exchange
        // Rights can be given for single topics (RabbitMQ, topic authorisation).
        case .channelClosed(403) where !failure.text.contains("access to topic"): .everything
        default: .message
        }
    }

    /// The limit that RabbitMQ names: `message size 2000000 is larger than configured max size 1000000`.
    private static func limit(in text: String) -> Int? {
        guard let start = text.firstRange(of: "message size "), let end = text.firstRange(of: "max size ") else {
            return nil
        }
        guard start.upperBound < end.lowerBound else { return nil }
        return Int(text[end.upperBound...].prefix { $0.isNumber })
    }
}
