// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What an open consumer has and does at one moment, judged for its health report: a pure value.
struct ConsumerSituation: Sendable {
    /// The deliveries that have not been started or wait for another attempt.
    let waiting: Int
    /// Whether anything waits for another attempt.
    let isAsleep: Bool
    /// Whether an event that waits for another attempt leaves no room for others, and its key.
    let stall: (isThere: Bool, key: String?)
    private let isSharded: Bool
    /// The deliveries that workers have taken and not settled.
    let inHand: Int
    let workers: Int
    /// The pieces of work that run past their time limit.
    let overdue: [WorkLimit.Overdue]
    let timeLimit: Duration

    init(_ backlog: BacklogState, inHand: Int, _ limits: [WorkLimit], _ options: ConsumerOptions) {
        self.waiting = backlog.count
        self.isAsleep = backlog.isAsleep
        self.stall = backlog.stall(
            prefetch: Subscription.share(of: options.prefetch, shards: options.shards),
            bytes: Subscription.share(of: options.prefetchBytes, shards: options.shards)
        )
        self.isSharded = options.shards > 1
        self.inHand = inHand
        self.workers = limits.count
        self.overdue = limits.compactMap(\.overdue).sorted { $0.by > $1.by }
        self.timeLimit = options.timeLimit
    }

    /// Whether something is to be settled and does not wait for a later attempt.
    var hasWork: Bool { self.inHand > 0 || self.waiting > 0 && !self.isAsleep }

    /// How long nothing may be settled while there is work.
    private var patience: Duration { self.timeLimit + .seconds(30) }

    private var culprit: String {
        self.stall.key.map { "ordering key \($0)" } ?? "an event without an ordering key"
    }

    /// What holds up one shard while the others go on.
    var notes: [String] {
        self.stall.isThere && self.isSharded ? ["has a shard that is stalled by \(self.culprit)"] : []
    }

    /// - Parameter idle: for how long nothing has been settled although there was work.
    func problems(unsettledFor idle: Duration) -> [String] {
        var problems: [String] = []
        if self.stall.isThere, !self.isSharded { problems.append("is stalled by \(self.culprit)") }
        if let longest = self.overdue.first {
            let message = longest.messages.first.map { ": topic \($0.topic), message \($0.id)" } ?? ""
            problems.append(
                "has \(self.overdue.count) of \(self.workers) workers past the time limit of \(self.timeLimit), "
                    + "the longest for \(longest.by)\(message)"
            )
        }
        if idle >= self.patience {
            problems.append(
                "has settled nothing for \(idle) while \(self.inHand + self.waiting) deliveries were unsettled"
            )
        }
        return problems
    }
}

/// Measures, from look to look, for how long a count has stood still although there was work.
struct ProgressWatch: Sendable {
    private var count: UInt64 = 0
    private var since: Duration?

    /// Returns for how long the count has not risen; zero when there is no work.
    mutating func look(_ count: UInt64, hasWork: Bool, now: Duration) -> Duration {
        guard hasWork, count == self.count, let since = self.since else {
            self.count = count
            self.since = hasWork ? now : nil
            return .zero
        }
        return now - since
    }
}
