// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Testing

@testable import EventBusCommands
@testable import EventBusRabbit

@Suite(
    "subscriptions and doctor on RabbitMQ",
    .enabled(if: TopologyBroker.url != nil),
    .serialized,
    .timeLimit(.minutes(3))
)
struct RabbitSubscriptionCommandTests {
    private func publish(_ count: Int, to subscription: Subscription) async throws {
        let topic = try Topic(subscription.patterns[0].text)
        let messages = (1...count).map {
            Message(id: "\($0)", topic: topic, source: "/t", time: .init(timeIntervalSince1970: 0), body: [])
        }
        let outcomes = try await TopologyBroker.withBus { await $0.publish(messages) }
        #expect(outcomes.allSatisfy { $0.isConfirmed })
    }

    private func waiting(_ name: SubscriptionName) async throws -> Int {
        try await TopologyBroker.run("subscriptions", "show", "\(name)").value("waiting")
    }

    @Test("list and show tell what is there, with and without the management", arguments: [true, false])
    func list(_ isManaged: Bool) async throws {
        guard !isManaged || TopologyBroker.management != nil else { return }
        let management = isManaged ? TopologyBroker.management : nil
        let subscriptions = [try TopologyBroker.subscription(), try TopologyBroker.subscription(.perKey, shards: 3)]
        try await TopologyBroker.withBus { try await $0.declare(subscriptions) }
        try await self.publish(3, to: subscriptions[1])
        let list = try await TopologyBroker.run(
            "subscriptions",
            "list",
            subscriptions: isManaged ? [] : subscriptions,
            management: management
        )
        let names = try list.values("subscription", of: "subscriptions")
        #expect(Set(subscriptions.map(\.name.description)).isSubset(of: names))
        let show = try await TopologyBroker.run(
            "subscriptions",
            "show",
            "\(subscriptions[1].name)",
            management: management
        )
        #expect(try show.value("waiting") == 3)
        #expect(try show.value("dead") == 0)
        if isManaged {
            #expect(try show.value("shards") == 3)
            #expect(try show.value("ordered") == true)
            #expect(try show.value("patterns") == subscriptions[1].patterns.map(\.text))
        }
        let missing = try await TopologyBroker.run("subscriptions", "show", "nobody", management: management)
        #expect(missing.code == 1)
        #expect(missing.err.contains("nobody"))
        for subscription in subscriptions { try await TopologyBroker.delete(subscription) }
    }

    @Test("What nobody handles is unbound, moved and removed; a dry run changes nothing")
    func change() async throws {
        let (old, new) = (try TopologyBroker.subscription(), try TopologyBroker.subscription())
        let (name, target) = ("\(old.name)", "\(new.name)")
        try await TopologyBroker.withBus { try await $0.declare([old, new]) }
        try await self.publish(3, to: old)
        // Dry runs.
        for arguments in [["unbind", name, old.patterns[0].text], ["move", name, target]] {
            let result = try await TopologyBroker.run(
                "subscriptions",
                arguments[0],
                arguments[1],
                arguments[2],
                "--dry-run"
            )
            #expect(result.code == 0, "\(result.err)")
            #expect(try result.value("dryRun") == true)
        }
        #expect(try await self.waiting(old.name) == 3)
        try await self.publish(1, to: old)
        // Messages wait.
        for flags in ["--dry-run", "--verbose"] {
            let refused = try await TopologyBroker.run("subscriptions", "remove", name, flags)
            #expect(refused.code == 1)
            #expect(refused.err.contains("4 waiting"), "\(refused.err)")
        }
        let unbound = try await TopologyBroker.run("subscriptions", "unbind", name, old.patterns[0].text)
        #expect(unbound.code == 0)
        #expect(try unbound.value("unbound") == [old.patterns[0].text])
        if let management = TopologyBroker.management {
            let never = try await TopologyBroker.run(
                "subscriptions",
                "unbind",
                name,
                "never.bound",
                management: management
            )
            #expect(try never.value("unbound", as: [String].self) == [])
            #expect(try never.value("notBound") == ["never.bound"])
        }
        let topic = try Topic(old.patterns[0].text)
        let message = Message(
            id: "x",
            topic: topic,
            source: "/t",
            time: .init(timeIntervalSince1970: 0),
            requiresSubscriber: true,
            body: []
        )
        let outcome = try await TopologyBroker.withBus { await $0.publish([message])[0] }
        #expect(!outcome.isConfirmed)
        #expect(try await TopologyBroker.run("subscriptions", "move", name, target).value("messages") == 4)
        #expect(try await self.waiting(new.name) == 4)
        #expect(try await TopologyBroker.run("subscriptions", "remove", name, "--dry-run").code == 0)
        #expect(try await TopologyBroker.run("subscriptions", "remove", name).code == 0)
        #expect(try await TopologyBroker.run("subscriptions", "show", name).code == 1)
        let discarded = try await TopologyBroker.run("subscriptions", "remove", target, "--discard-messages")
        #expect(try discarded.value("discarded") == 4)
        #expect(try await TopologyBroker.run("subscriptions", "remove", target).code == 1, "there is none")
    }

    @Test("What is consumed is not removed, also not with its messages")
    func inUse() async throws {
        let subscription = try TopologyBroker.subscription()
        try await TopologyBroker.withBus { bus in
            try await bus.withDeliveries(to: subscription) { _ in
                let result = try await TopologyBroker.run(
                    "subscriptions",
                    "remove",
                    "\(subscription.name)",
                    "--discard-messages"
                )
                #expect(result.code == 1)
                #expect(result.err.contains("consumer"))
            }
        }
        try await TopologyBroker.delete(subscription)
    }

    @Test("renew is the way out of what plan calls a move, and keeps the messages")
    func renew() async throws {
        let old = try TopologyBroker.subscription(.perKey)
        let new = try Subscription(old.name, patterns: old.patterns, ordering: .perKey, shards: 3, retryDelays: [])
        try await TopologyBroker.withBus { try await $0.declare([old]) }
        try await self.publish(5, to: old)
        let plan = try await TopologyBroker.run("topology", "plan", subscriptions: [new])
        #expect(try plan.values("remedy", of: "drifts").first == "move")
        let dry = try await TopologyBroker.run(
            "subscriptions",
            "renew",
            "\(new.name)",
            "--dry-run",
            subscriptions: [new]
        )
        #expect(try dry.value("messages") == 5)
        let renewed = try await TopologyBroker.run("subscriptions", "renew", "\(new.name)", subscriptions: [new])
        #expect(renewed.code == 0, "\(renewed.err)")
        #expect(try await TopologyBroker.run("topology", "verify", subscriptions: [new]).code == 0)
        #expect(try await self.waiting(new.name) == 5)
        try await TopologyBroker.delete(new)
    }

    // MARK: doctor

    private func states(_ result: TopologyBroker.Result) throws -> [String] {
        try zip(result.values("state", of: "findings"), result.values("check", of: "findings")).map { "\($0) \($1)" }
    }

    @Test("A broker that is well, with and without the management", arguments: [true, false])
    func doctor(_ isManaged: Bool) async throws {
        guard !isManaged || TopologyBroker.management != nil else { return }
        let subscriptions = [try TopologyBroker.subscription(), try TopologyBroker.subscription(.perKey, shards: 2)]
        try await TopologyBroker.withBus { try await $0.declare(subscriptions) }
        let result = try await TopologyBroker.run(
            "doctor",
            subscriptions: subscriptions,
            management: isManaged ? TopologyBroker.management : nil
        )
        #expect(result.code == 0, "\(result.out)")
        let states = try self.states(result)
        // On a busy machine an answer takes long, which is a warning.
        #expect(states.contains("ok connect") || states.contains("warning connect"), "\(result.out)")
        for check in ["version", "limits", "consume", "publish", "topology"]
            + (isManaged ? ["nodes", "clock"] : [])
        {
            #expect(states.contains("ok \(check)"), "\(result.out)")
        }
        if !isManaged { #expect(states.contains("unknown management")) }
        // Nothing was stored.
        #expect(try await self.waiting(subscriptions[0].name) == 0)
        for subscription in subscriptions { try await TopologyBroker.delete(subscription) }
    }

    @Test("A user without rights is told which are missing", .enabled(if: TopologyBroker.isControlled))
    func rights() async throws {
        let subscription = try TopologyBroker.subscription(.perKey)
        try await TopologyBroker.withBus { try await $0.declare([subscription]) }
        let user = "d-\(Stamp.next().id)"
        try await TopologyBroker.erlang(
            """
            rabbit_auth_backend_internal:add_user(<<"\(user)">>, <<"geheim">>, <<"test">>),
            rabbit_auth_backend_internal:set_permissions(<<"\(user)">>, <<"/">>, <<"^$">>, <<"^amq.default$">>, <<"^$">>, <<"test">>)
            """
        )
        let address = try #require(TopologyBroker.url?.split(separator: "@").last)
        let result = try await TopologyBroker.run(
            "doctor",
            subscriptions: [subscription],
            url: "amqp://\(user):geheim@\(address)"
        )
        #expect(result.code == 1, "\(result.out)")
        #expect(try self.states(result).filter { $0.hasPrefix("problem") } == ["problem consume", "problem publish"])
        #expect(!result.out.contains("geheim"))
        let wrong = try await TopologyBroker.run("doctor", url: "amqp://\(user):falsch@\(address)")
        #expect(wrong.code == 2)
        #expect(try self.states(wrong).first == "problem connect")
        try await TopologyBroker.erlang(#"rabbit_auth_backend_internal:delete_user(<<"\#(user)">>, <<"test">>)"#)
        try await TopologyBroker.delete(subscription)
    }

    @Test("A broker that accepts no messages", .enabled(if: TopologyBroker.isControlled))
    func alarm() async throws {
        try await TopologyBroker.rabbitmqctl("set_vm_memory_high_watermark 0")
        let run = Task { try await TopologyBroker.run("doctor", management: TopologyBroker.management) }
        let outcome = await run.result
        try await TopologyBroker.rabbitmqctl("set_vm_memory_high_watermark 0.4")
        let result = try outcome.get()
        #expect(result.code == 2)
        #expect(result.out.contains("accepts no messages"), "\(result.out)")
    }
}
