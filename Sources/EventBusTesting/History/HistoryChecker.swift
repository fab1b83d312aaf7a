// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// Judges a ``History``: nothing lost, nothing doubled, nothing out of order, no attempt too many.
///
/// The same rules apply to simulated runs and to runs on real servers. What a history does not record is not judged: without
/// starts there is no judgement of attempts. The checker covers consumers with a store, and events that went through an
/// outbox; an event that was published without one counts as never committed. Record the dead letters first
/// (``Simulation/recordDeadLetters(of:)``), or their messages count as lost.
public struct HistoryChecker: Sendable {
    /// What a consumer promises.
    public struct Consumer: Sendable {
        /// Its subscription.
        public let name: SubscriptionName
        /// The topics that it has handlers for.
        public let topics: Set<Topic>
        /// Whether it handles the events of one key in order.
        public let ordering: Ordering
        /// How many attempts its `RetryPolicy` allows.
        public let attempts: Int
        /// Whether the history holds an ``History/What/effect(_:_:)`` for each event that it has handled.
        public let hasEffects: Bool
        /// How many messages one process may be handling at a time; `nil` if that is not judged.
        public let workers: Int?
        /// Whether events may become dead letters.
        public let givesUp: Bool

        /// Describes a consumer with a store.
        ///
        /// - Parameters:
        ///   - name: its subscription.
        ///   - topics: the topics that it has handlers for.
        ///   - ordering: whether it handles the events of one key in order.
        ///   - attempts: how many attempts its `RetryPolicy` allows.
        ///   - hasEffects: whether the history holds an effect for each event that it has handled.
        ///   - workers: its `concurrency` times its `batch`: after a shutdown has begun, a process may begin no more than what its
        ///     workers have taken already; `nil` if that is not to be judged.
        ///   - givesUp: whether events may become dead letters; not if something that runs can handle each of them, as during a
        ///     rolling upgrade.
        public init(
            _ name: SubscriptionName,
            topics: Set<Topic>,
            ordering: Ordering = .none,
            attempts: Int = RetryPolicy.standard.attempts,
            hasEffects: Bool = false,
            workers: Int? = nil,
            givesUp: Bool = true
        ) {
            require(attempts >= 1, "attempts is \(attempts), must be at least 1")
            self.name = name
            self.topics = topics
            self.ordering = ordering
            self.attempts = attempts
            self.hasEffects = hasEffects
            self.workers = workers
            self.givesUp = givesUp
        }
    }

    private let consumers: [Consumer]

    /// Creates a checker for the consumers of a system.
    public init(_ consumers: [Consumer]) {
        self.consumers = consumers
    }

    /// Judges a complete history: no work is left.
    public func violations(in history: History) -> [Violation] {
        let records = history.records
        let commits = Commits(records)
        var violations = commits.violations
        for case .broken(let violation) in records.map(\.what) { violations.append(violation) }
        let recordsByConsumer = Dictionary(grouping: records) { $0.what.subscription }
        for consumer in self.consumers {
            let records = recordsByConsumer[consumer.name] ?? []
            let tally = ConsumerTally(records)
            violations += self.lost(consumer, tally, commits)
            violations += self.doubled(consumer, tally)
            violations += self.invented(consumer, tally, commits)
            violations += self.attempts(consumer, tally)
            violations += self.deadLetters(consumer, tally)
            violations += self.shutdowns(consumer, records)
            if consumer.ordering == .perKey { violations += self.order(consumer, records, commits) }
        }
        return violations
    }

    /// Every committed event has had its effect, or is a dead letter.
    private func lost(_ consumer: Consumer, _ tally: ConsumerTally, _ commits: Commits) -> [Violation] {
        commits.events.compactMap { event in
            guard consumer.topics.contains(event.topic) else { return nil }
            let message = tally.messages[event.id] ?? MessageTally()
            guard message.handled == 0, message.deadLetters.isEmpty else { return nil }
            return Violation("lost", consumer.name, event.id, "was committed, and is neither handled nor a dead letter")
        }
    }

    /// No event has had its effect twice.
    private func doubled(_ consumer: Consumer, _ tally: ConsumerTally) -> [Violation] {
        tally.sorted.flatMap { id, message in
            var violations: [Violation] = []
            if message.handled > 1 {
                violations.append(Violation("doubled", consumer.name, id, "was handled \(message.handled) times"))
            }
            if consumer.hasEffects, message.effects != min(1, message.handled) {
                let text = "was handled \(message.handled) times and has \(message.effects) effects"
                violations.append(Violation(message.effects > 1 ? "doubled" : "lost", consumer.name, id, text))
            }
            // Before the effect, the verdict can belong to a second copy or to a life that is about to end.
            let isDead = message.handled > 0 && !message.deadLetters.isEmpty && message.isUndisturbed
            if isDead || message.lateDeadVerdicts > 0 {
                violations.append(Violation("doubled", consumer.name, id, "was handled and is a dead letter"))
            }
            return violations
        }
    }

    /// No event of a transaction that was rolled back has been delivered.
    private func invented(_ consumer: Consumer, _ tally: ConsumerTally, _ commits: Commits) -> [Violation] {
        tally.sorted.compactMap { id, _ in
            guard commits.places[id] == nil else { return nil }
            return Violation("invented", consumer.name, id, "was never committed, and yet it was delivered")
        }
    }

    /// No more attempts than allowed, no fewer before a dead letter, and no dead letter without a start.
    private func attempts(_ consumer: Consumer, _ tally: ConsumerTally) -> [Violation] {
        tally.sorted.flatMap { id, message in
            var violations: [Violation] = []
            // No store can count them: what the bus knows of each copy has to do.
            guard !id.id.utf8.contains(0), !id.source.utf8.contains(0) else { return violations }
            // The first start of each fresh copy is not claimed; all others are claimed by message.
            let allowed = message.firsts.values.reduce(0) { $0 + consumer.attempts + max(0, $1 - 1) } + message.copied
            if !message.firsts.isEmpty, message.starts > allowed {
                let text = "was started \(message.starts) times, allowed are \(allowed)"
                violations.append(Violation("attempts", consumer.name, id, text))
            }
            guard let letter = message.deadLetters.first, !Self.isUnknown(letter.reason) else {
                return violations
            }
            // A start is counted before it happens, so that none goes unnoticed. If the process dies right then in every
            // attempt, the message is never started.
            if message.isTraced, message.started == 0, message.claimed < consumer.attempts {
                violations.append(Violation("attempts", consumer.name, id, "is a dead letter and was never started"))
            } else if message.isTraced, message.isUndisturbed, message.redrives == 0,
                !(message.starts...message.starts + message.givenBack).contains(consumer.attempts)
            {
                let text = "became a dead letter after \(message.starts) starts instead of \(consumer.attempts)"
                violations.append(Violation("attempts", consumer.name, id, text))
            }
            return violations
        }
    }

    /// An event that no handler can take is never started.
    private static func isUnknown(_ reason: String) -> Bool {
        reason.hasPrefix("no handler for topic ") || reason.contains(", this consumer reads up to version ")
    }

    /// Every dead letter has a reason and a verdict.
    private func deadLetters(_ consumer: Consumer, _ tally: ConsumerTally) -> [Violation] {
        tally.sorted.flatMap { id, message in
            var violations: [Violation] = []
            if message.deadLetters.contains(where: {
                $0.reason.isEmpty || $0.attempts < 1 && !Self.isUnknown($0.reason)
            }) {
                violations.append(Violation("dead letter", consumer.name, id, "has no reason or no attempt"))
            }
            if !consumer.givesUp, let letter = message.deadLetters.first {
                let text = "is a dead letter, and a program that runs can handle it: \(letter.reason)"
                violations.append(Violation("given up", consumer.name, id, text))
            }
            if message.isTraced, message.deadLetters.count > message.deadVerdicts {
                let text = "is \(message.deadLetters.count) dead letters after \(message.deadVerdicts) verdicts"
                violations.append(Violation("dead letter", consumer.name, id, text))
            }
            return violations
        }
    }
}
