// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What a relay holds back after failures, and for how long: a pure state machine.
///
/// Nobody subscribes to a topic: the topic waits. The bus refuses a row: the row waits. The bus is away: everything waits.
struct RelayHolds: Sendable {
    private struct Hold: Sendable {
        var due: Duration
        var backoff: Backoff
    }

    private var topics: [Topic: Hold] = [:]
    private var rows: [OutboxRow.ID: Hold] = [:]
    private var outage = Backoff(first: .milliseconds(100), longest: .seconds(5))

    /// How long to leave the bus alone; `nil` while it answers.
    private(set) var pause: Duration?

    /// Why the bus could not be asked, for the health report.
    private(set) var outageReason: String?

    /// The topics that nobody subscribes to.
    var unroutableTopics: [Topic] { self.topics.keys.sorted { $0.name < $1.name } }

    /// How many rows the bus has refused.
    var refusedRows: Int { self.rows.count }

    /// When the next of the holds ends that count at `now`.
    ///
    /// Holds that are over are kept for the length of the next one, and are no reason to wake up.
    func nextDue(after now: Duration) -> Duration? {
        (self.topics.values.map(\.due) + self.rows.values.map(\.due)).filter { $0 > now }.min()
    }

    /// What must not be published now.
    func held(now: Duration) -> HeldRows {
        HeldRows(
            topics: Set(self.topics.filter { $0.value.due > now }.keys),
            rows: Set(self.rows.filter { $0.value.due > now }.keys)
        )
    }

    /// Takes in the outcomes of a batch; returns the rows that the bus has confirmed.
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
            case .unroutable:
                unroutable.insert(row.message.topic)
            case .refused:
                self.rows[row.id] = RelayHolds.longer(self.rows[row.id], now)
            case .unknown, .notSent:
                self.outageReason = outcome.error(for: row.message.topic)?.description
            }
        }
        if self.rows.count >= RelayHolds.maximumRefusedRows {
            // So many are no accident: leave the bus alone for a while and start over, rather than remember every one.
            self.outageReason = "the bus refuses events"
            self.rows = [:]
        }
        for topic in unroutable { self.topics[topic] = RelayHolds.longer(self.topics[topic], now) }
        if self.outageReason != nil {
            self.pause = self.outage.next()
        } else {
            self.pause = nil
            self.outage.reset()
        }
        return confirmed
    }

    private static let maximumRefusedRows = 1000

    private static func longer(_ hold: Hold?, _ now: Duration) -> Hold {
        var backoff = hold?.backoff ?? Backoff(first: .milliseconds(250), longest: .seconds(5))
        let due = now + backoff.next()
        return Hold(due: due, backoff: backoff)
    }
}
