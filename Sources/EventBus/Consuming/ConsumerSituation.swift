// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What an open consumer has and does at one moment, judged for its health report: a pure value.
struct ConsumerSituation: Sendable {
    /// The deliveries that have not been started or wait for another attempt.
    let waiting: Int
    /// Whether they leave no room for further ones, in number or in bytes.
    let isFull: Bool
    /// The key of which an event waits for another attempt, and whether anything does.
    let sleeper: (isThere: Bool, key: String?)
    /// The deliveries that workers have taken and not settled.
    let inHand: Int
    let workers: Int
    /// The pieces of work that run past their time limit.
    let overdue: [WorkLimit.Overdue]
    let timeLimit: Duration

    init(_ backlog: BacklogState, inHand: Int, _ limits: [WorkLimit], _ options: ConsumerOptions) {
        self.waiting = backlog.count
        self.isFull = backlog.count >= options.prefetch || backlog.bytes >= options.prefetchBytes
        self.sleeper = (backlog.isAsleep, backlog.sleepingKey)
        self.inHand = inHand
        self.workers = limits.count
        self.overdue = limits.compactMap(\.overdue).sorted { $0.by > $1.by }
        self.timeLimit = options.timeLimit
    }

    /// Whether something is to be settled and does not wait for a later attempt.
    var hasWork: Bool { self.inHand > 0 || self.waiting > 0 && !self.sleeper.isThere }

    /// How long nothing may be settled while there is work.
    private var patience: Duration { self.timeLimit + .seconds(30) }

    /// - Parameter idle: for how long nothing has been settled although there was work.
    func problems(unsettledFor idle: Duration) -> [String] {
        var problems: [String] = []
        if self.sleeper.isThere, self.isFull {
            let culprit = self.sleeper.key.map { "ordering key \($0)" } ?? "an event without an ordering key"
            problems.append("is stalled by \(culprit)")
        }
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
