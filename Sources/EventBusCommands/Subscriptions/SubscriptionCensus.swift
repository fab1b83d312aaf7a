// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit

/// What a subscription holds, and who consumes it.
struct SubscriptionCensus: Hashable, Sendable {
    let name: SubscriptionName
    /// How many shards it has, 1 if none; `nil` if that is not known.
    let shards: Int?
    /// `nil` if that is not known.
    let isOrdered: Bool?
    let queues: [Queue]
    /// The patterns that are bound; `nil` if they are not known.
    let patterns: [String]?

    struct Queue: Hashable, Sendable {
        enum Part: String, Sendable { case waiting, retries, quarantine, dead }

        let part: Part
        let name: String
        let messages: Int
        let consumers: Int
    }

    /// - Parameters:
    ///   - counts: what has been counted of ``queues(of:)``; what is missing does not exist.
    ///   - broker: what the management says, if there is one.
    init(
        _ name: SubscriptionName,
        counts: [String: (messages: Int, consumers: Int)],
        broker: BrokerTopology?
    ) {
        self.name = name
        self.queues = Self.queues(of: name).compactMap { part, queue in
            counts[queue].map { Queue(part: part, name: queue, messages: $0.messages, consumers: $0.consumers) }
        }
        let own = broker?.queues[name.description]
        let shards = own.map { Topology.number(ofShards: $0) }
        self.shards = shards
        self.isOrdered = own.map { $0.arguments["x-single-active-consumer"] == .bool(true) || shards != 1 }
        let exchange = Topology.shardExchange(name)
        self.patterns = broker?.bindings.map { bindings in
            bindings.filter { binding in
                binding.source == Topology.exchange
                    && (binding.isToExchange
                        ? binding.destination == exchange : binding.destination == name.description)
            }.map(\.key).sorted()
        }
    }

    var exists: Bool { self.queues.contains { $0.name == self.name.description } }

    func messages(_ part: Queue.Part) -> Int {
        self.queues.filter { $0.part == part }.reduce(0) { $0 + $1.messages }
    }

    /// Of a sharded subscription, its instances.
    var consumers: Int { self.queues.first { $0.name == self.name.description }?.consumers ?? 0 }

    /// All queues that it can have.
    static func queues(of name: SubscriptionName) -> [(Queue.Part, String)] {
        let parts = Topology.parts(of: name)
        let shards = (0..<Subscription.maximumShards).map { name.shard($0).description }
        return [(.waiting, name.description)] + shards.map { (.waiting, $0) } + parts.retries.map { (.retries, $0) }
            + [(.quarantine, parts.quarantine), (.dead, parts.dead)]
    }

    var json: JSONValue {
        .object([
            "subscription": .string(self.name.description),
            "ordered": self.isOrdered.map { .bool($0) } ?? .null,
            "shards": self.shards.map { .int($0) } ?? .null,
            "consumers": .int(self.consumers),
            "waiting": .int(self.messages(.waiting)),
            "retries": .int(self.messages(.retries)),
            "quarantine": .int(self.messages(.quarantine)),
            "dead": .int(self.messages(.dead)),
            "patterns": self.patterns.map { .array($0.map { .string($0) }) } ?? .null,
            "queues": .array(
                self.queues.map { queue in
                    .object([
                        "queue": .string(queue.name), "part": .string(queue.part.rawValue),
                        "messages": .int(queue.messages), "consumers": .int(queue.consumers),
                    ])
                }
            ),
        ])
    }

    /// As a person reads it.
    var text: String {
        var lines = ["subscription  \(self.name)"]
        if let isOrdered = self.isOrdered {
            lines.append(
                "order         \(isOrdered ? "per key" : "none")\(self.shards.map { $0 > 1 ? ", \($0) shards" : "" } ?? "")"
            )
        }
        lines.append("consumers     \(self.consumers)")
        if let patterns = self.patterns {
            lines.append("patterns      \(patterns.isEmpty ? "none" : patterns.joined(separator: ", "))")
        }
        var table = Table("QUEUE", "WHAT", "MESSAGES", "CONSUMERS")
        for queue in self.queues {
            table.add(queue.name, queue.part.rawValue, "\(queue.messages)", "\(queue.consumers)")
        }
        return (lines + ["", table.text]).joined(separator: "\n")
    }
}

extension RabbitEventBus {
    /// - Returns: the subscriptions that exist, in the order of their names.
    func census(of names: [SubscriptionName], _ broker: BrokerTopology?) async throws -> [SubscriptionCensus] {
        var queues = names.flatMap { SubscriptionCensus.queues(of: $0).map(\.1) }
        // Asking for each of 75 queues is for those that may exist.
        if let broker { queues = queues.filter { broker.queues[$0] != nil } }
        let counts = try await self.counts(of: queues)
        return names.map { SubscriptionCensus($0, counts: counts, broker: broker) }.filter(\.exists)
    }
}
