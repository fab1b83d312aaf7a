// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import EventBusRabbit

extension BrokerTopology {
    /// What RabbitMQ's management has listed.
    ///
    /// - Parameters:
    ///   - queues: as they are declared: the state of now.
    ///   - measured: the same with what RabbitMQ measures, which is up to 5 s old: consumers, and what all policies together say.
    ///   - policies: those that operators can see.
    init(
        queues: [ListedQueue],
        measured: [ListedQueue],
        exchanges: [ListedExchange],
        bindings: [ListedBinding],
        policies: [ListedPolicy],
        nodes: Int?,
        unknown: [String]
    ) {
        let measured = Dictionary(measured.map { ($0.name, $0) }) { $1 }
        let policies = Dictionary(policies.map { ($0.name, $0.definition.values) }) { $1 }
        self.init(
            exchanges: exchanges.map { TopologyExchange($0, policy: $0.policy.flatMap { policies[$0] } ?? [:]) },
            queues: queues.map { listed in
                var queue = TopologyQueue(listed)
                let other = measured[listed.name]
                queue.messages = listed.messages ?? other?.messages
                queue.consumers = listed.consumers ?? other?.consumers
                // A policy of operators has precedence, and only the measured values have it in all versions.
                let named = listed.policy.flatMap { policies[$0] } ?? [:]
                let effective = listed.effectivePolicy?.values ?? other?.effectivePolicy?.values ?? [:]
                queue.policy = named.merging(effective) { $1 }
                return queue
            },
            bindings: Set(bindings.map(TopologyBinding.init)),
            isComplete: true,
            nodes: nodes,
            unknown: unknown
        )
    }
}

extension TopologyQueue {
    fileprivate init(_ listed: ListedQueue) {
        self.init(listed.name, arguments: listed.arguments?.values ?? [:])
        if let type = listed.type { self.type = type }
        self.isDurable = listed.durable ?? true
        self.isAutoDelete = listed.autoDelete ?? false
        self.isExclusive = listed.exclusive ?? false
        self.members = listed.members ?? []
        self.online = listed.online
    }
}

extension TopologyExchange {
    fileprivate init(_ listed: ListedExchange, policy: [String: HeaderValue]) {
        self.init(listed.name, type: listed.type, arguments: listed.arguments?.values ?? [:])
        self.isDurable = listed.durable
        self.isAutoDelete = listed.autoDelete
        self.isInternal = listed.internal ?? false
        self.policy = policy
    }
}

extension TopologyBinding {
    fileprivate init(_ listed: ListedBinding) {
        self.init(
            from: listed.source,
            to: listed.destination,
            isToExchange: listed.destinationType == "exchange",
            key: listed.routingKey,
            arguments: listed.arguments?.values ?? [:]
        )
    }
}

extension ManagementClient {
    /// Reads everything that the virtual host has.
    ///
    /// - Throws: ``CommandError``.
    func topology() async throws -> BrokerTopology {
        let queues: [ListedQueue] = try await self.list("queues", query: "disable_stats=true&enable_queue_totals=true")
        let measured: [ListedQueue] = try await self.list(
            "queues",
            query: "columns=name,messages,consumers,effective_policy_definition"
        )
        let exchanges: [ListedExchange] = try await self.list("exchanges")
        let bindings: [ListedBinding] = try await self.list("bindings")
        var unknown: [String] = []
        var policies: [ListedPolicy] = []
        switch try await self.attempt("policies/\(Self.escaped(self.virtualHost))", as: [ListedPolicy].self) {
        case .success(let listed): policies = listed
        case .failure(let error): unknown.append("policies of the last seconds, and those of exchanges: \(error)")
        }
        var nodes: Int?
        switch try await self.attempt("nodes", query: "columns=name", as: [ListedNode].self) {
        case .success(let listed): nodes = listed.count
        case .failure(let error): unknown.append("how many nodes there are: \(error)")
        }
        return BrokerTopology(
            queues: queues,
            measured: measured,
            exchanges: exchanges,
            bindings: bindings,
            policies: policies,
            nodes: nodes,
            unknown: unknown
        )
    }
}

/// A node as `GET /api/nodes` lists it.
private struct ListedNode: Decodable {
    let name: String
}
