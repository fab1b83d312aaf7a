// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusRabbit
import EventBusTesting
import Foundation
import Testing

extension Servers {
    /// Declares a subscription of the test that gets every event from now on.
    ///
    /// An event that the audit gets counts as routed. Declare it before the load only if the payment service's subscription to
    /// `user.created` exists too.
    func declareAudit(_ patterns: [TopicPattern] = ["#"]) async throws {
        let audit = try Subscription(ServerSnapshot.audit, patterns: patterns)
        try await self.withBus { bus in
            try await bus.withDeliveries(to: audit) { _ in }
        }
    }

    /// Waits until the services have no work left and judges what became of every registration.
    ///
    /// - Parameters:
    ///   - registered: the ids of users whose registration was confirmed.
    ///   - seen: events observed before the audit was declared.
    func judge(_ registered: Set<String>, seen: [ServerSnapshot.Seen] = []) async throws {
        var snapshot = ServerSnapshot(users: [], registered: registered, seen: seen)
        snapshot.leftovers = try await self.leftovers(of: ["users", "payments"]) {
            try await self.query(
                "SELECT id FROM users.users WHERE id NOT IN (SELECT owner FROM payments.accounts) LIMIT 100"
            ).map { "user \($0) has no account" }
        }
        snapshot.users = try await self.rows("SELECT id, extract(epoch FROM created_at) FROM users.users") {
            .init(id: $0[0], time: $0[1].date)
        }
        try await self.complete(&snapshot)
        #expect(snapshot.deadLetters.isEmpty, "\(snapshot.deadLetters.map(\.reason))")
        self.judge(snapshot)
    }

    /// Prints what a fault has cost, in the form of all such tests; call this after the judgement.
    ///
    /// - Parameters:
    ///   - fault: its number in docs/faults.md.
    ///   - seconds: from its end until events are handled again.
    func report(fault: String, seconds: Double) {
        print("fault \(fault): lost 0, starts -, again after \(String(format: "%.1f", seconds)) s")
        #expect(seconds <= 5)
    }

    /// Waits until one more account is opened.
    ///
    /// - Returns: the seconds that this took.
    func untilNextAccount() async throws -> Double {
        let count = try await self.number("SELECT count(*) FROM payments.accounts")
        let start = ContinuousClock.now
        try await eventually(within: .seconds(60), "another account") {
            try await self.number("SELECT count(*) FROM payments.accounts") > count
        }
        return start.duration(to: .now) / .seconds(1)
    }

    /// Waits until the payment service has no work left and judges what became of every message of foreign programs.
    func judgeForeignMessages() async throws {
        var snapshot = ServerSnapshot()
        snapshot.leftovers = try await self.leftovers(of: ["payments"]) { [] }
        try await self.complete(&snapshot)
        self.judge(snapshot)
    }

    private func judge(_ snapshot: ServerSnapshot) {
        let judgement = snapshot.judged()
        if !judgement.isFavourable { Issue.record("\(judgement.report)") }
        // The output of a run shows how much was judged.
        print(
            "judged: \(snapshot.users?.count ?? 0) users, \(snapshot.seen.count) messages of",
            "\(Set(snapshot.seen.map(\.id)).count) events, \(snapshot.inbox.count) handled,",
            "\(snapshot.accounts.count) accounts, \(snapshot.deadLetters.count) dead letters:",
            "\(judgement.violations.count) violations"
        )
    }

    /// The events of an outbox, none of which has been published yet.
    func waiting(in schema: String) async throws -> [ServerSnapshot.Seen] {
        let sql =
            "SELECT message_id, topic, ordering_key, extract(epoch FROM time), source FROM \(schema).eventbus_outbox"
        return try await self.rows(sql) {
            let event = EventIdentity(source: $0[4], id: $0[0])
            return .init(id: event, topic: try Topic($0[1]), key: $0[2], time: $0[3].date, user: $0[2])
        }
    }

    // MARK: What is there

    /// Adds what does not depend on a user service.
    private func complete(_ snapshot: inout ServerSnapshot) async throws {
        let accounts = "SELECT id, owner, extract(epoch FROM created_at) FROM payments.accounts"
        snapshot.accounts = try await self.rows(accounts) { .init(id: $0[0], owner: $0[1], time: $0[2].date) }
        let inbox = "SELECT consumer, source, message_id, extract(epoch FROM handled_at) FROM payments.eventbus_handled"
        snapshot.inbox = try await self.rows(inbox) {
            let event = EventIdentity(source: $0[1], id: $0[2])
            return .init(consumer: try SubscriptionName($0[0]), event: event, time: $0[3].date)
        }
        let audited = try await self.ready(in: [ServerSnapshot.audit.description])
        let (seen, deadLetters) = try await self.withBus { bus in
            let messages = try await Self.take(audited, of: ServerSnapshot.audit, from: bus)
            return (messages, try await bus.deadLetters(of: Payments.subscription, limit: 1000))
        }
        snapshot.seen += seen.map(ServerSnapshot.Seen.init)
        snapshot.deadLetters = deadLetters
    }

    private static func take(_ count: Int, of name: SubscriptionName, from bus: RabbitEventBus) async throws
        -> [Message]
    {
        guard count > 0 else { return [] }
        var messages: [Message] = []
        try await bus.withDeliveries(to: try Subscription(name, patterns: ["#"], prefetch: 500)) { deliveries in
            while messages.count < count, let next = try await deliveries.next() {
                for delivery in next {
                    messages.append(delivery.message)
                    deliveries.settle(delivery.id, .done)
                }
            }
        }
        return messages
    }

    private func withBus<Value: Sendable>(_ body: (RabbitEventBus) async throws -> Value) async throws -> Value {
        let bus = RabbitEventBus(try RabbitConfiguration(url: self.rabbitURL))
        var value: Value?
        try await whileRunningServices([bus]) { value = try await body(bus) }
        return try #require(value)
    }

    private func rows<Row>(_ sql: String, _ row: ([String]) throws -> Row) async throws -> [Row] {
        try await self.query(sql).map { line in
            try row(line.split(separator: "|", omittingEmptySubsequences: false).map(String.init))
        }
    }

    // MARK: What should not be there

    /// Waits until no work is left; what remains after a long time counts as left over.
    private func leftovers(
        of schemas: [String],
        _ others: () async throws -> [String]
    ) async throws -> [String] {
        var left: [String] = []
        do {
            try await eventually(within: .seconds(120), "the end of all work") {
                left = try await others()
                for schema in schemas {
                    left += try await self.query("SELECT message_id FROM \(schema).eventbus_outbox LIMIT 100")
                        .map { "message \($0) waits in the outbox of \(schema)" }
                }
                // Costs more than the other checks, so it runs once they are satisfied.
                if left.isEmpty { left = try await self.unsettled() }
                return left.isEmpty
            }
        } catch let error as NeverHappened {
            left.append("\(error)")
        }
        return left
    }

    /// Messages in the queues of the payment service's subscription, and those that it holds unsettled.
    private func unsettled() async throws -> [String] {
        let name = Payments.subscription.description
        let queues = [name] + ["quarantine", "retry.1", "retry.10", "retry.120"].map { "\(name).\($0)" }
        let ready = try await self.ready(in: queues)
        let taken = try await self.unacknowledged()
        return [(ready, "are in the queues of \(name)"), (taken, "are unacknowledged")].filter { $0.0 > 0 }
            .map { "\($0.0) messages \($0.1)" }
    }
}

extension String {
    /// Seconds since 1970, as Postgres writes them.
    fileprivate var date: Date { Date(timeIntervalSince1970: Double(self) ?? 0) }
}
