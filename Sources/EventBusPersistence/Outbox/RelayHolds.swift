// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Which rows a relay holds back after failures, and for how long: a pure state machine.
///
/// If a topic has no subscriber, all its rows wait. If the bus refuses a row, that row waits. If the bus is
/// unreachable, everything waits.
struct RelayHolds: Sendable {
    private struct Hold: Sendable {
        var due: Duration
        var backoff: Backoff
    }

    /// The topics without a subscriber, each with ordering keys of its events.
    private var topics: [Topic: Hold] = [:]
    private var keys: [Topic: Set<ExactText>] = [:]
    private var rows: [OutboxRow.ID: Hold] = [:]
    /// A bus that is away is tried every second, so that events flow soon after it is back.
    private var outage = Backoff(first: .milliseconds(100), longest: .seconds(1))

    /// How long to wait before the bus is tried again; `nil` while it is reachable.
    private(set) var pause: Duration?

    /// Why the bus could not publish, for the health report.
    private(set) var outageReason: String?

    /// What waits for a subscriber, for the health report.
    struct Unroutable: Sendable {
        let topic: Topic
        /// Some of the ordering keys of its events: the later events with these keys wait as well.
        let keys: [String]
    }

    /// The topics without a subscriber.
    var unroutable: [Unroutable] {
        self.topics.keys.sorted { $0.name < $1.name }.map { topic in
            Unroutable(topic: topic, keys: (self.keys[topic] ?? []).map(\.text).sorted())
        }
    }

    /// The number of rows that the bus has refused.
    var refusedRows: Int { self.rows.count }

    /// When the first hold that is active at `now` expires.
    ///
    /// An expired hold is kept so that the next one can be longer; it does not wake the relay.
    func nextDue(after now: Duration) -> Duration? {
        (self.topics.values.map(\.due) + self.rows.values.map(\.due)).filter { $0 > now }.min()
    }

    /// The rows that must not be published now.
    func held(now: Duration) -> HeldRows {
        HeldRows(
            topics: Set(self.topics.filter { $0.value.due > now }.keys),
            rows: Set(self.rows.filter { $0.value.due > now }.keys)
        )
    }

    /// Records the outcomes of a batch, and returns the rows that the bus has confirmed.
    mutating func record(_ batch: [OutboxRow], _ outcomes: [PublishOutcome], now: Duration) -> [OutboxRow.ID] {
        var confirmed: [OutboxRow.ID] = []
        var unroutable: Set<Topic> = []
        self.outageReason = nil
        for (row, outcome) in zip(batch, outcomes) {
            switch outcome {
            case .confirmed:
                confirmed.append(row.id)
                self.rows[row.id] = nil
                self.topics[row.message.topic] = nil
                self.keys[row.message.topic] = nil
            case .unroutable:
                unroutable.insert(row.message.topic)
                self.note(row.message.orderingKey, of: row.message.topic)
            case .refused:
                self.rows[row.id] = RelayHolds.hold(after: self.rows[row.id], now)
            case .unknown, .notSent:
                self.outageReason = outcome.error(for: row.message.topic)?.description
            }
        }
        if self.rows.count >= RelayHolds.maximumRefusedRows {
            // So many refusals mean that the bus itself is in trouble. Pause as for an outage instead of remembering
            // each row.
            self.outageReason = "the bus refuses events"
            self.rows = [:]
        }
        for topic in unroutable { self.topics[topic] = RelayHolds.hold(after: self.topics[topic], now) }
        if self.outageReason != nil {
            self.pause = self.outage.next()
        } else {
            self.pause = nil
            self.outage.reset()
        }
        return confirmed
    }

    /// Ends the pause; the next one is longer, unless the bus was reachable meanwhile.
    mutating func resume() { self.pause = nil }

    private mutating func note(_ key: String?, of topic: Topic) {
        guard let key, self.keys[topic, default: []].count < RelayHolds.maximumKeys else { return }
        self.keys[topic, default: []].insert(ExactText(key))
    }

    private static let maximumRefusedRows = 1000
    private static let maximumKeys = 3

    /// The hold that follows `previous`, and is longer.
    private static func hold(after previous: Hold?, _ now: Duration) -> Hold {
        var backoff = previous?.backoff ?? Backoff(first: .milliseconds(250), longest: .seconds(5))
        let due = now + backoff.next()
        return Hold(due: due, backoff: backoff)
    }
}
