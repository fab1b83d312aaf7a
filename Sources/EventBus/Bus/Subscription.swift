// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The name of a durable subscription, for example `payments.accounts`; on RabbitMQ also the name of its queue.
///
/// A name has 1 to 200 ASCII letters, digits, `.`, `_` and `-`. Names that start with `amq.` or end with `.dead`, `.quarantine`,
/// `.shards`, `.retry.<number>` or `.shard.<number>` are reserved: RabbitMQ and the queues that belong to a subscription use them.
public struct SubscriptionName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name.
    public let description: String

    /// Creates a name from text.
    ///
    /// - Throws: ``BusError`` with code `invalidSubscription` that states the violated rule.
    public init(_ name: String) throws(BusError) {
        if let problem = SubscriptionName.problem(of: name) {
            throw BusError(.invalidSubscription, "subscription name \(name.debugDescription): \(problem)")
        }
        self.description = name
    }

    /// Creates a name from a literal; an invalid literal is a programming error and traps.
    public init(stringLiteral name: String) {
        let problem = SubscriptionName.problem(of: name)
        require(problem == nil, "subscription name literal \(name.debugDescription): \(problem ?? "")")
        self.description = name
    }

    private init(unchecked name: String) {
        self.description = name
    }

    /// The name of a shard, counted from 0.
    ///
    /// Two digits, so that lists by name are in order.
    package func shard(_ number: Int) -> SubscriptionName {
        SubscriptionName(unchecked: "\(self).shard.\(number < 9 ? "0" : "")\(number + 1)")
    }

    /// The subscription that a shard belongs to; of any other name, the name itself.
    package var base: SubscriptionName {
        guard self.isShard else { return self }
        let words = self.description.split(separator: ".", omittingEmptySubsequences: false)
        return SubscriptionName(unchecked: words.dropLast(2).joined(separator: "."))
    }

    /// Whether it is the name of a shard.
    package var isShard: Bool { self.shardNumber != nil }

    /// Which shard it is the name of, counted from 0; `nil` for any other name.
    package var shardNumber: Int? {
        let words = self.description.split(separator: ".", omittingEmptySubsequences: false)
        guard words.count > 2, words[words.count - 2] == "shard" else { return nil }
        return Int(words[words.count - 1]).map { $0 - 1 }
    }

    /// Throws if the subscription were to be moved to itself.
    package func checkMove(to other: SubscriptionName) throws(BusError) {
        guard self == other else { return }
        throw BusError(.invalidSubscription, "subscription \(self): cannot be moved to itself")
    }

    private static func problem(of name: String) -> String? {
        guard (1...200).contains(name.utf8.count) else { return "has \(name.utf8.count) bytes, must have 1 to 200" }
        let isAllowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isAllowed else { return "must contain only ASCII letters, digits, '.', '_' and '-'" }
        let words = name.split(separator: ".", omittingEmptySubsequences: false)
        let isNumbered = words.count >= 2 && Int(words[words.count - 1]) != nil
        let isPart = isNumbered && ["retry", "shard"].contains(words[words.count - 2])
        guard words.first != "amq", !["dead", "quarantine", "shards"].contains(words.last), !isPart else {
            return "names that start with 'amq.' or end with '.dead', '.quarantine', '.shards', '.retry.<number>' or "
                + "'.shard.<number>' are reserved"
        }
        return nil
    }
}

/// Whether a subscription keeps events in order.
public enum Ordering: Sendable, Hashable {
    /// Events are handled concurrently and in no particular order; a failed event is retried later.
    case none
    /// Events with the same ``Message/orderingKey`` are handled strictly in order.
    ///
    /// One consumer is active at a time, or one for each of the ``Subscription/shards``. A failed event holds back later events of its key until it succeeds or becomes a dead letter.
    case perKey
}

/// Which messages a consumer receives, and how.
public struct Subscription: Sendable, Hashable {
    /// The durable name; consumers with the same name share the messages.
    public let name: SubscriptionName
    /// The patterns of the topics to receive; at least one.
    public let patterns: [TopicPattern]
    /// How many deliveries can be unsettled at a time, 1 to 2,000.
    ///
    /// Several ``shards`` share it: each has its part, rounded up. On an ordered subscription it must never be lowered, and with
    /// several shards be raised only while no consumer is open.
    public let prefetch: Int
    /// How many bytes the bodies of unsettled deliveries may have, from 1 on; 64 MiB by default.
    ///
    /// What is more waits outside of the process until others are settled. One delivery is always possible, and the last one may
    /// exceed the limit; so may those that arrive together with it, and everything up to ``prefetch`` while a consumer stops or a
    /// message is handled alone. Several ``shards`` share it, each with one more delivery.
    public let prefetchBytes: Int
    /// Whether events of one key are kept in order.
    public let ordering: Ordering
    /// Into how many parts an ordered subscription is divided, 1 to 64, so that as many instances can work at the same time.
    ///
    /// The events of an ordering key are all in the same shard, and of each shard one consumer is active. The consumers share the
    /// shards out among them. It cannot be changed while the subscription holds messages; see "Changing subscriptions".
    public let shards: Int
    /// The delays of the ``RetryLadder`` after which messages can be delivered again, in ascending order.
    ///
    /// On RabbitMQ each of them costs a queue from the first message on that waits for it. They may differ from one consumer to the
    /// next and from one start to the next: a message that waits for a delay that nobody uses any longer is delivered all the same.
    /// The first retry of a delay comes 5 s later on RabbitMQ, which has to create the queue, and is unsettled until then.
    public let retryDelays: [Duration]

    static let maximumPrefetch = 2000
    package static let maximumShards = OrderingBucket.count
    /// The default of ``prefetchBytes``.
    public static let defaultPrefetchBytes = 64 * 1024 * 1024

    /// Creates a description of a subscription.
    ///
    /// - Parameters:
    ///   - name: the durable name.
    ///   - patterns: of the topics to receive; at least one.
    ///   - prefetch: how many deliveries can be unsettled at a time, 1 to 2,000.
    ///   - prefetchBytes: how many bytes their bodies may have together; one delivery is always possible.
    ///   - ordering: whether events of one key are kept in order.
    ///   - shards: into how many parts an ordered subscription is divided, 1 to 64; they share `prefetch` and `prefetchBytes`.
    ///   - retryDelays: those of the ``RetryLadder`` that verdicts will use, in any order. Without any, no verdict may be
    ///     ``Verdict/retry(after:_:)``.
    /// - Throws: ``BusError`` with code `invalidSubscription` when there is no pattern, `prefetch`, `prefetchBytes` or `shards` is
    ///   out of range, an unordered subscription has several shards, or one of `retryDelays` is not on the ladder.
    public init(
        _ name: SubscriptionName,
        patterns: [TopicPattern],
        prefetch: Int = 64,
        prefetchBytes: Int = Subscription.defaultPrefetchBytes,
        ordering: Ordering = .none,
        shards: Int = 1,
        retryDelays: [Duration] = RetryLadder.delays
    ) throws(BusError) {
        guard !patterns.isEmpty else {
            throw BusError(.invalidSubscription, "subscription \(name): has no pattern, must have at least one")
        }
        guard (1...Self.maximumPrefetch).contains(prefetch) else {
            throw BusError(
                .invalidSubscription,
                "subscription \(name): prefetch is \(prefetch), must be 1 to \(Self.maximumPrefetch)"
            )
        }
        guard prefetchBytes >= 1 else {
            throw BusError(
                .invalidSubscription,
                "subscription \(name): prefetchBytes is \(prefetchBytes), must be at least 1"
            )
        }
        if let problem = Self.problem(ofShards: shards, ordering) {
            throw BusError(.invalidSubscription, "subscription \(name): \(problem)")
        }
        for delay in retryDelays where !RetryLadder.delays.contains(delay) {
            let ladder = RetryLadder.delays.map { "\($0.components.seconds)" }.joined(separator: ", ")
            throw BusError(
                .invalidSubscription,
                "subscription \(name): retry delay is \(delay), must be one of the ladder's \(ladder) s"
            )
        }
        self.name = name
        self.patterns = patterns
        self.prefetch = prefetch
        self.prefetchBytes = prefetchBytes
        self.ordering = ordering
        self.shards = shards
        self.retryDelays = RetryLadder.delays.filter(retryDelays.contains)
    }

    private init(shard number: Int, of whole: Subscription) {
        self.name = whole.name.shard(number)
        self.patterns = whole.patterns
        self.prefetch = Self.share(of: whole.prefetch, shards: whole.shards)
        self.prefetchBytes = Self.share(of: whole.prefetchBytes, shards: whole.shards)
        self.ordering = whole.ordering
        self.shards = 1
        self.retryDelays = whole.retryDelays
    }

    /// A shard, counted from 0, as an ordered subscription of its own.
    package func shard(_ number: Int) -> Subscription {
        Subscription(shard: number, of: self)
    }

    /// What each shard gets of something that all have together, rounded up, so that none has nothing.
    static func share(of total: Int, shards: Int) -> Int {
        // Without an overflow, whatever the total.
        (total - 1) / shards + 1
    }

    /// Which rule a number of shards breaks; `nil` if it breaks none.
    static func problem(ofShards shards: Int, _ ordering: Ordering) -> String? {
        guard (1...Self.maximumShards).contains(shards) else {
            return "shards is \(shards), must be 1 to \(Self.maximumShards)"
        }
        return shards > 1 && ordering == .none ? "shards is \(shards), must be 1 without per-key order" : nil
    }

    /// The delay that a retry verdict gets: of ``retryDelays`` the closest to `delay`, the shorter one if two are equally close.
    ///
    /// For backends. Without delays this is a programming error, which traps.
    public func retryDelay(nearestTo delay: Duration) -> Duration {
        let nearest = RetryLadder.nearest(to: delay, among: self.retryDelays)
        require(nearest != nil, "subscription \(self.name) has no retryDelays, must have one for a verdict to retry")
        return nearest ?? delay
    }
}
