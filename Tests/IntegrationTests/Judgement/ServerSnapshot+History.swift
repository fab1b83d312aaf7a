// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Payments
import Synchronization

extension ServerSnapshot {
    /// A subscription of the test that hears every event: what has really been published.
    static let audit: SubscriptionName = "test.audit"

    private static let created: Topic = "user.created"
    private static let opened: Topic = "payment.account.opened"

    private static let checker = HistoryChecker([
        .init(Payments.subscription, topics: [Self.created], hasEffects: true),
        // Each committed event has reached the bus, and no other one.
        .init(Self.audit, topics: [Self.created, Self.opened]),
    ])

    /// Judges what the servers hold with the checker that also judges simulated runs.
    func judged() -> Judgement {
        let history = self.history()
        let unkept = self.users.map { self.registered.subtracting($0.map(\.id)) } ?? []
        let violations =
            Self.checker.violations(in: history)
            + unkept.sorted().map { Violation("lost", nil, $0, "was told to be registered, and there is no such user") }
        return Judgement(violations: violations, leftovers: self.leftovers, history: history)
    }

    /// Rows are what was committed; an event without a row was not, a row without an event has lost it.
    private func history() -> History {
        var facts: [Fact] = []
        // An event that repeats is one event; of two events about one user one is too many.
        var ids: Set<String> = []
        var creations: [String: Seen] = [:]
        var openings: [String: Seen] = [:]
        for event in self.seen where ids.insert(event.id).inserted {
            let isCreation = event.topic == Self.created
            if isCreation, let user = event.user, creations[user] == nil { creations[user] = event }
            if event.topic == Self.opened, let id = event.account, openings[id] == nil { openings[id] = event }
            if self.users == nil, isCreation {
                facts.append(Fact(event.time, "foreign program", .committed(event.id, event.topic, key: event.key)))
            }
            facts.append(Fact(event.time, "bus", .handled(Self.audit, event.id)))
        }
        for user in self.users ?? [] {
            let event = creations[user.id]
            let id = event?.id ?? "about user \(user.id), never seen,"
            facts.append(Fact(user.time, "users", .committed(id, Self.created, key: event?.key)))
        }
        for account in self.accounts {
            let event = openings[account.id]
            let id = event?.id ?? "about account \(account.id), never seen,"
            facts.append(Fact(account.time, "payments", .committed(id, Self.opened, key: event?.key)))
            let cause = creations[account.owner]?.id ?? "about user \(account.owner), never seen,"
            facts.append(Fact(account.time, "payments", .effect(Payments.subscription, cause)))
        }
        for row in self.inbox { facts.append(Fact(row.time, "payments", .handled(row.consumer, row.message))) }
        for letter in self.deadLetters {
            let what = History.What.deadLettered(
                Payments.subscription,
                letter.message.id,
                reason: letter.reason,
                attempts: letter.failures.count
            )
            facts.append(Fact(letter.deadAt, "bus", what))
        }
        return Fact.history(of: facts)
    }
}

/// What was found about a run.
struct Judgement: Sendable {
    let violations: [Violation]
    let leftovers: [String]
    let history: History

    var isFavourable: Bool { self.violations.isEmpty && self.leftovers.isEmpty }

    /// What is wrong, and what happened to the messages concerned: to the first twenty, which tell enough.
    var report: String {
        let findings = self.violations.map(\.description) + self.leftovers
        let timeline = self.history.timeline(of: Set(self.violations.map(\.messageID).prefix(20)))
        return findings.joined(separator: "\n") + "\n\n" + timeline
    }
}

/// Something that a server holds, and when it came there by the clock of who wrote it.
private struct Fact {
    let time: Date
    let place: String
    let what: History.What

    init(_ time: Date, _ place: String, _ what: History.What) {
        self.time = time
        self.place = place
        self.what = what
    }

    /// Facts in order of time; those whose time nobody knows (1970) come first.
    static func history(of facts: [Fact]) -> History {
        let start = facts.map(\.time).filter { $0.timeIntervalSince1970 > 0 }.min() ?? Date()
        let clock = Hand()
        let history = History { clock.time.withLock { $0 } }
        let sorted = facts.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
        for (_, fact) in sorted {
            clock.time.withLock { $0 = .seconds(max(0, fact.time.timeIntervalSince(start))) }
            history.record(fact.what, at: fact.place)
        }
        return history
    }

    /// The hand of a clock that shows the time of the fact that is told.
    private final class Hand: Sendable {
        let time = Mutex(Duration.zero)
    }
}
