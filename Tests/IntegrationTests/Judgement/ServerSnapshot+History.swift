// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusTesting
import Foundation
import Synchronization

extension ServerSnapshot {
    /// A subscription of the test that gets every event that was really published.
    static let audit: SubscriptionName = "test.audit"

    private static let created: Topic = "user.created"
    private static let opened: Topic = "payment.account.opened"

    private static let checker = HistoryChecker([
        .init(Payments.subscription, topics: [Self.created], hasEffects: true),
        // Each committed event has reached the bus, and no other event.
        .init(Self.audit, topics: [Self.created, Self.opened]),
    ])

    /// Judges what the servers hold with the checker that also judges simulated runs.
    func judged() -> Judgement {
        let history = self.history()
        let unkept = self.users.map { self.registered.subtracting($0.map(\.id)) } ?? []
        let violations =
            Self.checker.violations(in: history)
            + unkept.sorted().map {
                Violation("lost", nil, nil, "user \($0) had its registration confirmed, and there is no such user")
            }
        return Judgement(violations: violations, leftovers: self.leftovers, history: history)
    }

    private func history() -> History {
        // A repeated event counts once; of two events about one user, one is too many.
        var ids: Set<EventIdentity> = []
        let events = self.seen.filter { ids.insert($0.id).inserted }
        let creations = Self.firsts(of: events, about: Self.created, \.user)
        let openings = Self.firsts(of: events, about: Self.opened, \.account)
        let facts =
            self.commits(events, creations, openings)
            + self.inbox.map { Fact($0.time, "payments", .handled($0.consumer, $0.event)) }
            + self.accounts.map { account in
                let id = creations[account.owner]?.id ?? Self.unseen("user \(account.owner)")
                return Fact(account.time, "payments", .effect(Payments.subscription, id))
            }
            + events.map { Fact($0.time, "bus", .handled(Self.audit, $0.id)) }
            + self.deadLetters.map { letter in
                let (id, attempts) = (letter.message.identity, letter.failures.count)
                let what = History.What.deadLettered(
                    Payments.subscription,
                    id,
                    reason: letter.reason,
                    attempts: attempts
                )
                return Fact(letter.deadAt, "bus", what)
            }
        return Fact.history(of: facts)
    }

    /// Rows show what was committed: an event without a row was not committed, and a row without an event has lost it.
    private func commits(_ events: [Seen], _ creations: [String: Seen], _ openings: [String: Seen]) -> [Fact] {
        let created =
            if let users = self.users {
                users.map { user in
                    let event = creations[user.id]
                    let id = event?.id ?? Self.unseen("user \(user.id)")
                    return Fact(user.time, "users", .committed(id, Self.created, key: event?.key))
                }
            } else {
                events.filter { $0.topic == Self.created }.map {
                    Fact($0.time, "foreign", .committed($0.id, $0.topic, key: $0.key))
                }
            }
        let opened = self.accounts.map { account in
            let event = openings[account.id]
            let id = event?.id ?? Self.unseen("account \(account.id)")
            return Fact(account.time, "payments", .committed(id, Self.opened, key: event?.key))
        }
        return created + opened
    }

    /// Stands for the event that a row must have had and that nobody has seen.
    private static func unseen(_ subject: String) -> EventIdentity {
        EventIdentity(source: "nowhere", id: "event about \(subject)")
    }

    private static func firsts(
        of events: [Seen],
        about topic: Topic,
        _ subject: KeyPath<Seen, String?>
    ) -> [String: Seen] {
        var firsts: [String: Seen] = [:]
        for event in events where event.topic == topic {
            if let subject = event[keyPath: subject], firsts[subject] == nil { firsts[subject] = event }
        }
        return firsts
    }
}

/// The judgement of a run.
struct Judgement: Sendable {
    let violations: [Violation]
    let leftovers: [String]
    let history: History

    var isFavourable: Bool { self.violations.isEmpty && self.leftovers.isEmpty }

    /// What is wrong, and what happened to the first twenty messages concerned.
    var report: String {
        let findings = self.violations.map(\.description) + self.leftovers
        let timeline = self.history.timeline(of: Set(self.violations.compactMap(\.event).prefix(20)))
        return findings.joined(separator: "\n") + "\n\n" + timeline
    }
}

/// Something that a server holds, and when it was written, by the clock of its writer.
private struct Fact {
    let time: Date
    let place: String
    let what: History.What

    init(_ time: Date, _ place: String, _ what: History.What) {
        self.time = time
        self.place = place
        self.what = what
    }

    /// Facts in order of time; those with an unknown time (1970) come first.
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

    /// A clock that shows the time of the fact being recorded.
    private final class Hand: Sendable {
        let time = Mutex(Duration.zero)
    }
}
