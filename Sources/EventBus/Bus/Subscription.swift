// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The name of a durable subscription, for example `payments.accounts`; on RabbitMQ also the name of its queue.
///
/// 1 to 200 bytes of ASCII letters, digits, `.`, `_` and `-`. Names that start with `amq.` or end with `.dead`, `.quarantine` or
/// `.retry.<number>` are reserved for the queues that belong to a subscription.
public struct SubscriptionName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name.
    public let description: String

    /// Checks a name.
    ///
    /// - Throws: ``BusError`` with code `invalidSubscription` that names the rule the name breaks.
    public init(_ name: String) throws(BusError) {
        if let problem = SubscriptionName.problem(of: name) {
            throw BusError(.invalidSubscription, "subscription name \(problem)")
        }
        self.description = name
    }

    /// Makes a name of a literal; a literal that breaks the rules is a programming error and traps.
    public init(stringLiteral name: String) {
        let problem = SubscriptionName.problem(of: name)
        precondition(problem == nil, "subscription name \(problem ?? "")")
        self.description = name
    }

    private static func problem(of name: String) -> String? {
        guard (1...200).contains(name.utf8.count) else { return "has \(name.utf8.count) bytes, allowed are 1 to 200" }
        let isAllowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isAllowed else { return "may hold only ASCII letters, digits, '.', '_' and '-'" }
        let words = name.split(separator: ".", omittingEmptySubsequences: false)
        let isRetry = words.count >= 2 && words[words.count - 2] == "retry" && Int(words[words.count - 1]) != nil
        guard words.first != "amq", words.last != "dead", words.last != "quarantine", !isRetry else {
            return "is reserved"
        }
        return nil
    }
}

/// Whether a subscription keeps events in order.
public enum Ordering: Sendable, Hashable {
    /// No order is promised: deliveries run side by side, a failed one is retried later.
    case none
    /// One consumer is active at a time; events with the same ``Message/orderingKey`` are handled strictly in order.
    ///
    /// An event that fails holds back the later events of its key until it has succeeded or is dead-lettered.
    case perKey
}

/// What a consumer wants to hear and how.
public struct Subscription: Sendable, Hashable {
    /// The durable name; consumers of one name share the messages.
    public let name: SubscriptionName
    /// The topics to hear; at least one.
    public let patterns: [TopicPattern]
    /// How many deliveries may be out unsettled, 1 to 2,000.
    ///
    /// On an ordered subscription it must never be lowered.
    public let prefetch: Int
    /// Whether events of one key are kept in order.
    public let ordering: Ordering

    /// Describes a subscription.
    ///
    /// - Throws: ``BusError`` with code `invalidSubscription` when there is no pattern or `prefetch` is out of range.
    public init(
        _ name: SubscriptionName,
        patterns: [TopicPattern],
        prefetch: Int = 64,
        ordering: Ordering = .none
    ) throws(BusError) {
        guard !patterns.isEmpty else {
            throw BusError(.invalidSubscription, "subscription \(name) has no pattern")
        }
        guard (1...2000).contains(prefetch) else {
            throw BusError(.invalidSubscription, "prefetch of \(name) is \(prefetch), allowed are 1 to 2000")
        }
        self.name = name
        self.patterns = patterns
        self.prefetch = prefetch
        self.ordering = ordering
    }
}
