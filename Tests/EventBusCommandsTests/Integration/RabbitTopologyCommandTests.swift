// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Testing

@testable import EventBusCommands
@testable import EventBusRabbit

@Suite("topology on RabbitMQ", .enabled(if: TopologyBroker.url != nil), .serialized, .timeLimit(.minutes(3)))
struct RabbitTopologyCommandTests {
    /// What `plan` finds of one subscription.
    private func kinds(of subscription: Subscription, management: String?) async throws -> Set<DriftKind> {
        let result = try await TopologyBroker.run(
            "topology",
            "plan",
            subscriptions: [subscription],
            management: management
        )
        #expect(result.code == 0, "\(result.err)")
        let names = try zip(result.values("kind", of: "drifts"), result.values("object", of: "drifts"))
        // Other tests may have left subscriptions.
        return Set(names.filter { $0.1.contains("\(subscription.name)") }.compactMap { DriftKind(rawValue: $0.0) })
    }

    /// A policy reaches a queue a moment after it was set, and the management may answer as it has answered just before.
    private func expect(_ expected: Set<DriftKind>, of subscription: Subscription, _ management: String?) async throws {
        var found: Set<DriftKind> = []
        do {
            try await eventually(within: .seconds(20), "the differences") {
                found = try await self.kinds(of: subscription, management: management)
                return found == expected
            }
        } catch {
            Issue.record("\(found) instead of \(expected): \(error)")
        }
    }

    private func check(_ drift: RealDrift, management: String?) async throws {
        let subscription = try TopologyBroker.subscription(drift.ordering, shards: drift.shards)
        try await TopologyBroker.withBus { try await $0.declare([subscription]) }
        try await self.expect([], of: subscription, management)
        try await drift.change(subscription)
        let kinds = management == nil ? drift.kinds.subtracting([.bindingMissing]) : drift.kinds
        try await self.expect(kinds, of: subscription, management)
        if drift.kinds.contains(where: { $0.rawValue.hasPrefix("policy") }) {
            try await TopologyBroker.rabbitmqctl("clear_policy \(subscription.name)")
        }
        try await TopologyBroker.delete(subscription)
    }

    @Test(
        "With the management each thing that somebody does is found",
        .enabled(if: TopologyBroker.management != nil),
        arguments: RealDrift.queues + RealDrift.others
    )
    func withManagement(_ drift: RealDrift) async throws {
        try await self.check(drift, management: TopologyBroker.management)
    }

    @Test(
        "What needs a shell, too",
        .enabled(if: TopologyBroker.management != nil && TopologyBroker.isControlled),
        arguments: RealDrift.controlled
    )
    func controlled(_ drift: RealDrift) async throws {
        try await self.check(drift, management: TopologyBroker.management)
    }

    @Test(
        "Without the management as well, except for bindings and policies",
        arguments: (RealDrift.queues + RealDrift.others).filter { !$0.needsManagement }
    )
    func withoutManagement(_ drift: RealDrift) async throws {
        try await self.check(drift, management: nil)
    }

    @Test("apply adds what is missing and tells what is left; verify agrees", arguments: [true, false])
    func apply(_ isManaged: Bool) async throws {
        guard !isManaged || TopologyBroker.management != nil else { return }
        let management = isManaged ? TopologyBroker.management : nil
        let subscriptions = [try TopologyBroker.subscription(), try TopologyBroker.subscription(.perKey, shards: 3)]
        let (plain, sharded) = (subscriptions[0], subscriptions[1])
        func run(_ command: String) async throws -> TopologyBroker.Result {
            try await TopologyBroker.run("topology", command, subscriptions: subscriptions, management: management)
        }
        #expect(try await run("verify").code == 1)
        let applied = try await run("apply")
        #expect(applied.code == 0, "\(applied.err)")
        #expect(try applied.value("inStep"))
        if !isManaged { #expect(try applied.value("complete") == false) }
        #expect(try applied.value("added", as: [String].self).contains("queue \(plain.name).dead"))
        #expect(try await run("verify").code == 0)
        #expect(try await run("apply").value("added", as: [String].self) == [])
        // One that needs a move stays as it is, and its missing parts are not added.
        try await TopologyBroker.call(
            .queueDelete(name: "\(plain.name).dead"),
            .queueDelete(name: "\(plain.name).quarantine"),
            .queueDeclare(name: "\(plain.name).dead", passive: false, arguments: [("x-queue-type", "quorum")]),
            .queueDelete(name: "\(sharded.name).dead")
        )
        let left = try await run("apply")
        #expect(left.code == 1)
        #expect(try left.value("added", as: [String].self) == ["queue \(sharded.name).dead"])
        let objects = try left.values("object", of: "drifts").filter { $0.contains("\(plain.name)") }
        #expect(objects == ["queue \(plain.name).quarantine", "queue \(plain.name).dead"])
        for subscription in subscriptions { try await TopologyBroker.delete(subscription) }
    }

    @Test(
        "The exchange of all events: another type stops everything, an alternate one by a policy is told",
        .enabled(if: TopologyBroker.isControlled)
    )
    func exchange() async throws {
        let subscription = try TopologyBroker.subscription()
        func run(_ command: String) async throws -> TopologyBroker.Result {
            try await TopologyBroker.run(
                "topology",
                command,
                subscriptions: [subscription],
                management: TopologyBroker.management
            )
        }
        try await TopologyBroker.call(
            .exchangeDelete(name: "events"),
            .exchangeDeclare(name: "events", type: "direct", arguments: [("alternate-exchange", "lost")])
        )
        let refused = try await run("apply")
        #expect(refused.code == 1)
        #expect(try refused.value("added", as: [String].self) == [])
        #expect(try refused.values("kind", of: "drifts").prefix(2) == ["exchange-type", "exchange-argument"])
        try await TopologyBroker.call(.exchangeDelete(name: "events"))
        // By AMQP alone: the management answers for some seconds as it has just answered.
        let applied = try await TopologyBroker.run("topology", "apply", subscriptions: [subscription])
        #expect(
            try applied.value("added", as: [String].self).first == "exchange events",
            "\(applied.out)\(applied.err)"
        )
        if TopologyBroker.management != nil {
            try await TopologyBroker.rabbitmqctl(
                #"set_policy lost '^events$' '{"alternate-exchange": "lost"}' --apply-to exchanges"#
            )
            try await eventually(within: .seconds(30), "the policy to be told") {
                try await run("verify").values("kind", of: "drifts").contains("alternate-exchange")
            }
            try await TopologyBroker.rabbitmqctl("clear_policy lost")
        }
        try await TopologyBroker.delete(subscription)
    }

    @Test("Subscriptions that the code does not know are notes", .enabled(if: TopologyBroker.management != nil))
    func unknown() async throws {
        let subscriptions = [try TopologyBroker.subscription(), try TopologyBroker.subscription()]
        try await TopologyBroker.withBus { try await $0.declare(subscriptions) }
        let result = try await TopologyBroker.run(
            "topology",
            "verify",
            subscriptions: [subscriptions[0]],
            management: TopologyBroker.management
        )
        #expect(result.code == 0)
        #expect(try result.values("object", of: "drifts").contains("subscription \(subscriptions[1].name)"))
        for subscription in subscriptions { try await TopologyBroker.delete(subscription) }
    }

    @Test("Arguments and settings that are wrong end with 64, and a broker that is not there with 2")
    func errors() async throws {
        let subscription = try TopologyBroker.subscription()
        #expect(try await TopologyBroker.run("topology", "plan").code == 64, "no subscriptions")
        let away = "amqp://localhost:1?connection_timeout=500"
        #expect(try await TopologyBroker.run("topology", "plan", subscriptions: [subscription], url: away).code == 2)
        let nowhere = try await TopologyBroker.run(
            "topology",
            "plan",
            subscriptions: [subscription],
            management: "http://127.0.0.1:1"
        )
        #expect(nowhere.code == 2)
        #expect(nowhere.err.contains("http://127.0.0.1:1"))
        if let management = TopologyBroker.management {
            let wrong = management.replacing("://", with: "://nobody:geheim@")
            let refused = try await TopologyBroker.run(
                "topology",
                "plan",
                subscriptions: [subscription],
                management: wrong
            )
            #expect(refused.code == 2)
            #expect(refused.err.contains("401"))
            #expect(!refused.err.contains("geheim"))
        }
    }
}
