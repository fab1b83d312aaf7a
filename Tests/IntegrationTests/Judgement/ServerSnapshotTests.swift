// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusTesting
import Foundation
import Testing

/// Shows, without servers, that wrong content of the servers is noticed.
@Suite("The judgement of servers")
struct ServerSnapshotTests {
    /// A user, its event, its account, and the account's event.
    private struct Case {
        let user: String
        let account: String
        let time: Date

        init(_ number: Int) {
            self.user = "user-\(number)"
            self.account = "account-\(number)"
            self.time = Date(timeIntervalSince1970: 1_700_000_000 + Double(number))
        }

        var row: ServerSnapshot.UserRow { .init(id: self.user, time: self.time) }
        var created: ServerSnapshot.Seen { self.created("created-\(self.user)") }
        func created(_ id: String) -> ServerSnapshot.Seen {
            .init(
                id: EventIdentity(source: "/user", id: id),
                topic: "user.created",
                key: self.user,
                time: self.time,
                user: self.user
            )
        }
        var handled: ServerSnapshot.InboxRow {
            .init(consumer: Payments.subscription, event: self.created.id, time: self.time + 0.5)
        }
        var opened: ServerSnapshot.Seen { self.opened(self.account) }
        func opened(_ account: String) -> ServerSnapshot.Seen {
            let id = EventIdentity(source: "/payment", id: "opened-\(account)")
            return .init(
                id: id,
                topic: "payment.account.opened",
                key: self.user,
                time: self.time + 0.5,
                user: self.user,
                account: account
            )
        }
        var accountRow: ServerSnapshot.AccountRow { self.accountRow(self.account) }
        func accountRow(_ account: String) -> ServerSnapshot.AccountRow {
            .init(id: account, owner: self.user, time: self.time + 0.5)
        }
    }

    private static let first = Case(1)
    private static let second = Case(2)
    private static let stranger = Case(3)

    /// What the servers hold after two successful registrations.
    private static let good = ServerSnapshot(
        users: [first.row, second.row],
        registered: [first.user, second.user],
        seen: [first.created, second.created, first.opened, second.opened],
        inbox: [first.handled, second.handled],
        accounts: [first.accountRow, second.accountRow]
    )

    @Test("two registrations of which nothing went wrong are judged so, also when messages came twice")
    func good() {
        #expect(Self.good.judged().isFavourable)
        var twice = Self.good
        twice.seen += twice.seen
        #expect(twice.judged().isFavourable)
    }

    @Test(
        "what went wrong has a name",
        arguments: [
            Flaw("a user has two accounts", "doubled") {
                $0.accounts.append(second.accountRow("again"))
                $0.seen.append(second.opened("again"))
            },
            Flaw("an event was published and never handled", "lost") {
                $0.inbox.removeLast()
                $0.accounts.removeLast()
                $0.seen.removeLast()
            },
            Flaw("an event was handled, and there is no account", "lost") {
                $0.accounts.removeLast()
                $0.seen.removeLast()
            },
            // Neither the payment service nor the audit got the user's event.
            Flaw("a registration was committed without its event", "lost", "lost") {
                $0.seen = [first.created, first.opened]
                $0.inbox.removeLast()
                $0.accounts.removeLast()
            },
            Flaw("an account was opened without its event", "lost") { $0.seen.removeLast() },
            Flaw("a confirmed registration is missing", "lost") { $0.registered.insert("nobody") },
            // Its handling, and its publication.
            Flaw("a registration was rolled back, its event was published and handled", "invented", "invented") {
                $0.seen += [stranger.created, stranger.opened]
                $0.inbox.append(stranger.handled)
                $0.accounts.append(stranger.accountRow)
            },
            Flaw("a registration was rolled back, its event was published", "invented") {
                $0.seen.append(stranger.created)
            },
            // An effect without a handling counts as a lost handling too.
            Flaw("an account is there without anything", "lost", "invented", "lost") {
                $0.accounts.append(stranger.accountRow)
            },
            Flaw("an opening was rolled back, its event was published", "invented") {
                $0.seen.append(first.opened("rolled back"))
            },
            Flaw("there are two events about one user", "invented") { $0.seen.append(first.created("again")) },
            Flaw("a dead letter has no reason", "dead letter") {
                $0.inbox.removeLast()
                $0.accounts.removeLast()
                $0.seen.removeLast()
                $0.deadLetters.append(Self.deadLetter("created-\(second.user)", reason: ""))
            },
            Flaw("an event was handled and is a dead letter", "doubled") {
                $0.deadLetters.append(Self.deadLetter("created-\(second.user)", reason: "too bad"))
            },
        ]
    )
    func bad(_ flaw: Flaw) {
        var snapshot = Self.good
        flaw.plant(&snapshot)
        let judgement = snapshot.judged()
        #expect(judgement.violations.map(\.rule) == flaw.rules, "\(judgement.report)")
        #expect(!judgement.isFavourable)
    }

    @Test("the report names the violation and tells the story of its message, of no other one")
    func report() throws {
        var snapshot = Self.good
        snapshot.accounts.append(Self.second.accountRow("again"))
        snapshot.seen.append(Self.second.opened("again"))
        let report = snapshot.judged().report
        #expect(
            report.contains(
                "doubled: payments.accounts, event created-user-2 of /user was handled 1 times and has 2 effects"
            )
        )
        #expect(report.contains("1.000 s  users     commits user.created#3 with key user-2"))
        #expect(report.contains("1.500 s  payments  holds an effect of user.created#3"))
        #expect(!report.contains("user.created#1"))
    }

    @Test("work that is left over is reported")
    func leftovers() {
        var snapshot = Self.good
        snapshot.leftovers = ["2 messages are in the queues"]
        let judgement = snapshot.judged()
        #expect(!judgement.isFavourable)
        #expect(judgement.report.contains("2 messages are in the queues"))
    }

    @Test("messages of foreign programs stand for themselves: each is handled or a dead letter")
    func foreign() {
        var snapshot = Self.good
        snapshot.users = nil
        #expect(snapshot.judged().isFavourable)
        snapshot.seen.append(Self.stranger.created)
        #expect(snapshot.judged().violations.map(\.rule) == ["lost"])
        snapshot.deadLetters.append(Self.deadLetter("created-\(Self.stranger.user)", reason: "too bad"))
        #expect(snapshot.judged().isFavourable)
    }

    private static func deadLetter(_ id: String, reason: String) -> DeadLetter {
        let time = Date(timeIntervalSince1970: 1_700_000_010)
        let message = Message(id: id, topic: "user.created", source: "/user", time: time, body: [])
        return DeadLetter(message: message, reason: reason, failures: Failures(count: 1, firstAt: time), deadAt: time)
    }

    /// A defect, and the rules that it breaks, in the order in which they are reported.
    struct Flaw: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let rules: [String]
        let plant: @Sendable (inout ServerSnapshot) -> Void

        init(_ text: String, _ rules: String..., plant: @escaping @Sendable (inout ServerSnapshot) -> Void) {
            self.testDescription = text
            self.rules = rules
            self.plant = plant
        }
    }
}
