// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Which queue the messages go to that an open subscription retries: a pure state machine.
///
/// A retry queue is declared when a message first needs it, since most subscriptions never need most of theirs and each one costs the
/// broker something all the time. While it is not known to exist, the messages for it wait. One that cannot be used is replaced by that
/// of the nearest delay, unless this is much longer. What has waited for too long goes to the end of the subscription's own queue,
/// since a delivery that waits takes a place of those that may be unsettled. After a stop nothing waits for longer than an answer
/// takes: without a consumer nobody sees it.
struct RetryQueues {
    enum Answer: Hashable, Sendable {
        case exists
        /// It was not there before.
        case created
        case unusable(reason: String)
    }

    /// Queues that cannot be used.
    struct Trouble: Hashable, Sendable {
        /// Why not, in the order of their delays.
        var reasons: [String] = []
        /// Whether messages wait that no other one can take.
        var isTotal = false
    }

    private enum Queue: Hashable {
        case asked
        case settling
        case usable
        /// It is not asked for again before then.
        case unusable(until: NIODeadline)

        var isUnusable: Bool { if case .unusable = self { true } else { false } }
    }

    private struct Waiting {
        let tag: UInt64
        let since: NIODeadline
    }

    /// For how much longer a message waits than a queue needs that was just created.
    static let patience = TimeAmount.seconds(30)
    /// For how long a message waits after a stop.
    static let lastPatience = TimeAmount.seconds(2)
    /// After which pause a queue that could not be used is asked for again; the pause doubles, up to ``longestPause``.
    static let shortestPause = TimeAmount.seconds(1)
    static let longestPause = TimeAmount.seconds(30)

    private let delays: [Duration]
    private let settling: TimeAmount
    private var queues: [Duration: Queue] = [:]
    /// Why queues cannot be used; holds while they are asked for again.
    private var reasons: [Duration: String] = [:]
    /// The last pause of each queue that cannot be used.
    private var pauses: [Duration: TimeAmount] = [:]
    /// The messages by the delay that each is to have, the oldest first.
    private var waiting: [Duration: [Waiting]] = [:]
    private var isStopped = false

    /// - Parameters:
    ///   - delays: of the subscription, in ascending order.
    ///   - settling: how long a queue that was just created needs.
    init(delays: [Duration], settling: TimeAmount) {
        self.delays = delays
        self.settling = settling
    }

    /// Whether no message waits.
    var isEmpty: Bool { self.waiting.isEmpty }

    /// For how long messages may wait although nothing is wrong.
    var longestWait: TimeAmount {
        guard !self.isStopped else { return .zero }
        let isPreparing = self.waiting.keys.contains { wanted in
            let queue = self.nearestUsed(to: wanted).flatMap { self.queues[$0] }
            return queue == .asked || queue == .settling
        }
        return isPreparing ? self.settling : .zero
    }

    /// Since when the message that waits longest should not wait any more.
    var oldest: NIODeadline? { self.oldestSince.map { $0 + self.settling } }

    /// How many messages wait that should not by then.
    func count(until time: NIODeadline) -> Int {
        self.waiting.values.reduce(0) { count, messages in
            count + messages.count { $0.since + self.settling <= time }
        }
    }

    /// When to call ``next(now:)`` although nothing has happened; `nil` if no message waits.
    var deadline: NIODeadline? {
        guard let since = self.oldestSince else { return nil }
        return self.queues.values.reduce(since + self.longestPatience) { earliest, queue in
            if case .unusable(let time) = queue { min(earliest, time) } else { earliest }
        }
    }

    /// The queues that could not be used when they were last asked for.
    var trouble: Trouble {
        let reasons = self.delays.compactMap { self.reasons[$0] }
        return Trouble(reasons: reasons, isTotal: self.waiting.keys.contains { self.nearestUsed(to: $0) == nil })
    }

    /// A message is to be delivered again.
    ///
    /// - Parameter wanted: one of the subscription's delays.
    mutating func add(_ tag: UInt64, after wanted: Duration, now: NIODeadline) {
        self.waiting[wanted, default: []].append(Waiting(tag: tag, since: now))
    }

    /// What can be sent now, and the delays whose queues have to be declared for the others.
    ///
    /// What has no delay goes to the end of the subscription's own queue.
    mutating func next(now: NIODeadline) -> (sends: [(tag: UInt64, delay: Duration?)], declares: [Duration]) {
        var (sends, declares): ([(UInt64, Duration?)], [Duration]) = ([], [])
        guard !self.isEmpty else { return (sends, declares) }
        self.queues = self.queues.filter { _, queue in
            if case .unusable(let time) = queue { now < time } else { true }
        }
        for wanted in self.waiting.keys.sorted() {
            guard let messages = self.waiting[wanted] else { continue }
            let used = self.nearestUsed(to: wanted)
            let isUsable = used.map { self.queues[$0] == .usable } ?? false
            let count = isUsable ? messages.count : self.late(messages, for: used, now: now)
            for message in messages.prefix(count) { sends.append((message.tag, isUsable ? used : nil)) }
            self.waiting[wanted] = count == messages.count ? nil : Array(messages.dropFirst(count))
            // A nearer one that could not be used is asked for again while the messages take this one.
            guard isUsable || count < messages.count, let asked = self.nearestAsked(for: wanted),
                self.queues[asked] == nil
            else { continue }
            self.queues[asked] = .asked
            declares.append(asked)
        }
        return (sends, declares)
    }

    /// How many of the messages, the oldest first, do not wait for a queue any longer.
    private func late(_ messages: [Waiting], for used: Duration?, now: NIODeadline) -> Int {
        let isAnswered = used.map { self.queues[$0] == .settling } ?? true
        if self.isStopped, isAnswered { return messages.count }
        return messages.count { $0.since + self.longestPatience <= now }
    }

    /// The broker has answered for a queue.
    ///
    /// - Returns: whether the queue can be used only when it has ``settled(_:)``. One that could not be used before may be new as well: an
    ///   answer that was lost may have been that it was created.
    mutating func answered(_ delay: Duration, _ answer: Answer, now: NIODeadline) -> Bool {
        if case .unusable(let reason) = answer {
            let pause = self.pauses[delay].map { min($0 * 2, Self.longestPause) } ?? Self.shortestPause
            self.queues[delay] = .unusable(until: now + pause)
            (self.reasons[delay], self.pauses[delay]) = (reason, pause)
            return false
        }
        let isNew = answer == .created || self.pauses[delay] != nil
        self.queues[delay] = isNew ? .settling : .usable
        (self.reasons[delay], self.pauses[delay]) = (nil, nil)
        return isNew
    }

    mutating func settled(_ delay: Duration) {
        if self.queues[delay] == .settling { self.queues[delay] = .usable }
    }

    /// From now on nothing waits for a queue that was just created, or for longer than ``lastPatience``.
    mutating func stop() {
        self.isStopped = true
    }

    private var oldestSince: NIODeadline? { self.waiting.values.compactMap { $0.first?.since }.min() }

    private var longestPatience: TimeAmount { self.isStopped ? Self.lastPatience : self.settling + Self.patience }

    /// The nearest delay whose queue can be used, as far as is known.
    private func nearestUsed(to wanted: Duration) -> Duration? {
        self.nearest(to: wanted) { self.reasons[$0] == nil }
    }

    /// The nearest delay whose queue may be asked for.
    private func nearestAsked(for wanted: Duration) -> Duration? {
        self.nearest(to: wanted) { self.queues[$0]?.isUnusable != true }
    }

    /// One that is much longer is none: the queue that was wanted may be missed for a moment only.
    private func nearest(to wanted: Duration, where isMeant: (Duration) -> Bool) -> Duration? {
        let longest = max(wanted * 10, .seconds(120))
        return RetryLadder.nearest(to: wanted, among: self.delays.filter { $0 <= longest && isMeant($0) })
    }
}
