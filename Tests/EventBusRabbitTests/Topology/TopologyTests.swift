// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("The wire contract's queues")
struct TopologyTests {
    /// What other versions of this package and other programs rely on: RabbitMQ refuses every difference.
    private static let plain = ["x-delivery-limit=1000000", "x-queue-type=quorum"]

    private func arguments(of subscription: Subscription) -> [String: [String]] {
        let retries = subscription.retryDelays.map { delay in
            (
                name: Topology.retry(subscription.name, delay),
                arguments: Topology.retryArguments(of: subscription.name, delay)
            )
        }
        let queues = Topology.queues(of: subscription) + retries
        let named = queues.map { queue in
            (
                queue.name,
                queue.arguments.map { name, value in
                    switch value {
                    case .string(let text): "\(name)=\(text)"
                    case .int(let number): "\(name)=\(number)"
                    case .bool(let flag): "\(name)=\(flag)"
                    default: "\(name)=\(value)"
                    }
                }.sorted()
            )
        }
        return Dictionary(uniqueKeysWithValues: named)
    }

    private func deadLettering(to queue: String) -> [String] {
        [
            "x-dead-letter-exchange=", "x-dead-letter-routing-key=\(queue)", "x-dead-letter-strategy=at-least-once",
            "x-overflow=reject-publish",
        ]
    }

    @Test(
        "An unordered subscription has its own queue, one per delay that is used, the quarantine and the dead letters"
    )
    func unordered() throws {
        let subscription = try Subscription("s", patterns: ["a"], retryDelays: [.seconds(1), .seconds(120)])
        let expected = [
            "s": self.deadLettering(to: "s.dead") + Self.plain,
            "s.retry.1": self.deadLettering(to: "s") + Self.plain + ["x-message-ttl=1000"],
            "s.retry.120": self.deadLettering(to: "s") + Self.plain + ["x-message-ttl=120000"],
            "s.quarantine": self.deadLettering(to: "s.dead") + Self.plain,
            "s.dead": Self.plain,
        ]
        #expect(self.arguments(of: subscription) == expected.mapValues { $0.sorted() })
    }

    @Test("Until a message is to be delivered again, there are no retry queues")
    func initial() throws {
        #expect(
            Topology.queues(of: try Subscription("s", patterns: ["a"])).map(\.name) == ["s", "s.quarantine", "s.dead"]
        )
    }

    @Test("An ordered subscription without delays has two queues")
    func ordered() throws {
        let subscription = try Subscription("s", patterns: ["a"], ordering: .perKey, retryDelays: [])
        let expected = [
            "s": self.deadLettering(to: "s.dead") + Self.plain + ["x-single-active-consumer=true"],
            "s.dead": Self.plain,
        ]
        #expect(self.arguments(of: subscription) == expected.mapValues { $0.sorted() })
    }

    @Test("A sharded subscription has a queue per shard, and one of its own that holds nothing and knows their number")
    func sharded() throws {
        let subscription = try Subscription("s", patterns: ["a"], ordering: .perKey, shards: 2, retryDelays: [])
        let shard = self.deadLettering(to: "s.dead") + Self.plain + ["x-single-active-consumer=true"]
        let expected = [
            "s": Self.plain + ["x-max-length=2", "x-overflow=reject-publish"],
            "s.shard.01": shard,
            "s.shard.02": shard,
            "s.dead": Self.plain,
        ]
        #expect(self.arguments(of: subscription) == expected.mapValues { $0.sorted() })
        #expect(Topology.dead(subscription.shard(0).name) == "s.dead")
    }

    @Test("A probe makes a binding that exists, also of a shard, which is bound to no pattern", arguments: [1, 2])
    func probed(shards: Int) throws {
        let whole = try Subscription("s", patterns: ["a"], ordering: .perKey, shards: shards, retryDelays: [])
        let names = Declaration.bindings(of: whole).map(\.name)
        #expect(
            Declaration.oneBinding(of: whole).name
                == (shards > 1 ? "of s.shard.01 to s.shards with bucket 0" : "of s to events with a")
        )
        for number in 0..<shards where shards > 1 {
            let name = Declaration.oneBinding(of: whole.shard(number)).name
            #expect(names.contains(name) && name.hasPrefix("of s.shard.0\(number + 1) to s.shards"))
        }
    }

    @Test("What is retried in a shard goes on to the shard of its key")
    func retriedInAShard() throws {
        let whole = try Subscription("s", patterns: ["a"], ordering: .perKey, shards: 2, retryDelays: [.seconds(1)])
        let deadLettering = self.deadLettering(to: "").map { $0 == "x-dead-letter-exchange=" ? $0 + "s.shards" : $0 }
        let expected = (deadLettering + Self.plain + ["x-message-ttl=1000"]).sorted()
        #expect(self.arguments(of: whole.shard(1))["s.retry.1"] == expected)
    }

    @Test("Every bucket is bound to one shard, and what has none comes to the first, before events come")
    func buckets() throws {
        let subscription = try Subscription("s", patterns: ["a", "b"], ordering: .perKey, shards: 3, retryDelays: [])
        var lines: [String] = []
        for declaration in Declaration.bindings(of: subscription) {
            switch declaration.active {
            case .exchangeDeclare(let name, let type, _, let arguments):
                lines.append("\(name) \(type) " + arguments.map { "\($0)=\($1)" }.joined())
            case .queueBind(let queue, let exchange, let key, let arguments):
                let isBucket =
                    arguments.map(\.0) == ["x-match", "x-ordering-bucket"]
                    && arguments.map(\.1) == [.string("all-with-x"), .string(key)]
                lines.append("\(exchange) \(isBucket ? key : "") \(queue)")
            case .exchangeBind(let exchange, let source, let key): lines.append("\(source) \(key) \(exchange)")
            default: Issue.record("\(declaration.name)")
            }
        }
        #expect(lines.prefix(2).map { $0.prefix(16) } == ["s.keyless fanout", "s.shards headers"])
        let shards = (0..<64).map { "s.shards \($0) s.shard.0\($0 % 3 + 1)" }
        #expect(lines.dropFirst(2).dropLast(2).sorted() == (shards + ["s.keyless  s.shard.01"]).sorted())
        #expect(lines.suffix(2) == ["events a s.shards", "events b s.shards"])
        let kinds = Declaration.bindings(of: subscription).prefix(2).map(\.kind)
        #expect(
            kinds == [.shardExchange, .shardExchange],
            "may be created without the right to create the events exchange"
        )
    }

    @Test("A shard that is opened again is declared as it was")
    func again() throws {
        let whole = try Subscription("s", patterns: ["a"], ordering: .perKey, shards: 2, retryDelays: [.seconds(1)])
        let shard = whole.shard(1)
        #expect(self.arguments(of: shard)["s.shard.02"] == self.arguments(of: whole)["s.shard.02"])
        let names = Declaration.shard(1, of: whole).map(\.name)
        #expect(
            names == ["s.shard.02", "s.dead"]
                + stride(from: 1, to: 64, by: 2).map { "of s.shard.02 to s.shards with bucket \($0)" }
        )
        #expect(Declaration.shard(0, of: whole).last?.name == "of s.shard.01 to s.keyless")
    }

    @Test(
        "The number of shards is read from the broker's text",
        arguments: [
            ("inequivalent arg 'x-max-length' for queue 's' in vhost '/': received '4' but current is '2'", 2),
            (
                "inequivalent arg 'x-max-length' for queue 's3' in vhost '/': received the value '4' of type 'long' but "
                    + "current is the value '16' of type 'long'", 16
            ),
            ("inequivalent arg 'x-max-length' for queue 's' in vhost '/': received '4' but current is none", nil),
            ("inequivalent arg 'x-overflow' for queue 's' in vhost '/': received '4' but current is '2'", nil),
        ]
    )
    func number(text: String, expected: Int?) {
        #expect(Topology.number(ofShardsIn: text) == expected)
    }

    @Test("Queues that nobody declares any longer are looked for all the same")
    func former() {
        let seconds = [1, 10, 120, 600, 3600, 21600, 86400, 5, 30]
        #expect(Topology.retryQueues(of: "s") == seconds.map { "s.retry.\($0)" })
        #expect(Topology.furtherQueues(of: "s").suffix(2) == ["s.quarantine", "s.dead"])
    }

    @Test("Only a queue with other arguments is said to be worth making anew")
    func renewal() {
        func message(_ text: String) -> String {
            let failure = ConnectionFailure(.channelClosed(406), text)
            return Declaration.retryQueue(of: "s", .seconds(1)).error(failure, after: nil).message
        }
        let text = "406 PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 's.retry.1'"
        #expect(message(text).hasPrefix("RabbitMQ: queue s.retry.1: \(text); RabbitEventBus.renewQueues(of:)"))
        let other = "406 PRECONDITION_FAILED - invalid arg 'x-delivery-limit' for queue 's.retry.1'"
        #expect(message(other) == "RabbitMQ: queue s.retry.1: \(other)")
    }

    @Test("After a failure the exchange and the bindings are repeated soon, then as usual")
    func repairPauses() {
        let usual = 30.0...60.0
        for _ in 0..<100 {
            #expect((.seconds(2) ... .seconds(5)).contains(TopologyKeeper.pause(every: usual, after: 1)))
            for failures in [0, 2, 3] {
                #expect((.seconds(30) ... .seconds(60)).contains(TopologyKeeper.pause(every: usual, after: failures)))
            }
            #expect(TopologyKeeper.pause(every: 0.1...0.2, after: 1) <= .seconds(0.2))
        }
    }
}
