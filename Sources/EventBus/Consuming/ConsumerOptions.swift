// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How an ``EventConsumer`` works.
public struct ConsumerOptions: Sendable, Hashable {
    /// Whether events of one key are kept in order; it cannot be changed once the subscription exists.
    public var ordering: Ordering
    /// Into how many parts an ordered subscription is divided, 1 to 64, so that as many instances can work; 1 by default.
    ///
    /// Without shards one instance works at a time. Choose several times as many shards as there will be instances, since the number
    /// is changed with effort only (``Subscription/shards``), and a shard costs each instance a connection on RabbitMQ.
    public var shards: Int
    /// How many deliveries may be out unsettled, 1 to 2,000; on an ordered subscription it must never be lowered.
    ///
    /// Several ``shards`` share it (``Subscription/prefetch``): with 16 of them and the default of 64, four deliveries of each are out.
    public var prefetch: Int
    /// How many bytes the bodies of unsettled deliveries may have, at least 1; 64 MiB by default.
    ///
    /// See ``Subscription/prefetchBytes``.
    public var prefetchBytes: Int
    /// How many handlers run at the same time; at least 1.
    public var concurrency: Int
    /// How often a failing event is tried, and when.
    ///
    /// On an ordered subscription no delay is longer than 10 minutes and all of them together must not exceed 20 minutes, since the
    /// event stays unsettled while it waits and RabbitMQ closes a channel on which something is unsettled for 30 minutes
    /// (`consumer_timeout`).
    public var retry: RetryPolicy
    /// How long one handler may run, its transaction included; then it is cancelled and the attempt has failed.
    ///
    /// Above zero. With a store it should be longer than the store takes to notice that its server is away, or an outage
    /// counts as a failed attempt.
    public var timeLimit: Duration
    /// What happens to events of topics without a handler and of versions that are too new.
    public var unknownEvents: UnknownEvents
    /// Which texts of errors reach the log and the reasons of dead letters.
    public var errorTexts: ErrorTexts

    /// Creates options.
    ///
    /// Values out of range are a programming error, which traps when a consumer is created with them.
    public init(
        ordering: Ordering = .none,
        shards: Int = 1,
        prefetch: Int = 64,
        prefetchBytes: Int = Subscription.defaultPrefetchBytes,
        concurrency: Int = 8,
        retry: RetryPolicy = .standard,
        timeLimit: Duration = .seconds(30),
        unknownEvents: UnknownEvents = .retry,
        errorTexts: ErrorTexts = .safe
    ) {
        self.ordering = ordering
        self.shards = shards
        self.prefetch = prefetch
        self.prefetchBytes = prefetchBytes
        self.concurrency = concurrency
        self.retry = retry
        self.timeLimit = timeLimit
        self.unknownEvents = unknownEvents
        self.errorTexts = errorTexts
    }

    /// The delays after which events can be delivered again.
    ///
    /// Events of an ordered subscription keep their place while they wait.
    var retryDelays: [Duration] {
        if self.ordering == .perKey { return [] }
        return self.retry.delays + self.unknownEvents.delays
    }

    /// Which value breaks which rule; `nil` if all are valid.
    package var problem: String? {
        if !(1...Subscription.maximumPrefetch).contains(self.prefetch) {
            return "prefetch is \(self.prefetch), must be 1 to \(Subscription.maximumPrefetch)"
        }
        if let problem = Subscription.problem(ofShards: self.shards, self.ordering) { return problem }
        if self.prefetchBytes < 1 { return "prefetchBytes is \(self.prefetchBytes), must be at least 1" }
        if self.concurrency < 1 { return "concurrency is \(self.concurrency), must be at least 1" }
        if self.timeLimit <= .zero { return "timeLimit is \(self.timeLimit), must be above zero" }
        if self.ordering == .perKey, self.retry.longestHold > .seconds(1200) {
            return "the delays of an ordered subscription add up to \(self.retry.longestHold), the limit is 20 minutes"
        }
        return nil
    }
}
