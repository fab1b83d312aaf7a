// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

extension RabbitEventBus {
    /// Reads by AMQP alone what the broker has of some subscriptions; bindings, policies and other subscriptions stay unknown.
    ///
    /// Waits until the bus runs. Nothing is changed. Do not delete queues meanwhile.
    ///
    /// - Throws: `BusError` with code `unavailable` or `connectionLost` when the broker cannot be reached.
    package func topology(of subscriptions: [Subscription]) async throws -> BrokerTopology {
        try await self.withConnection("topology") { connection in
            let reading = BrokerReading(connection: connection)
            var broker = BrokerTopology()
            broker.unknown = [
                "bindings, policies, replicas and subscriptions that the code does not know: "
                    + "AMQP has no question for them, RabbitMQ's management has"
            ]
            for wanted in subscriptions.map(WantedTopology.init) { try await broker.read(wanted, by: reading) }
            return broker
        }
    }

    /// Counts by AMQP what waits in some queues, and their consumers; those that do not exist, or may not be counted, are left out.
    ///
    /// Waits until the bus runs.
    package func counts(of queues: [String]) async throws -> [String: (messages: Int, consumers: Int)] {
        try await self.withConnection("count") { connection in
            let reading = BrokerReading(connection: connection)
            var counts: [String: (messages: Int, consumers: Int)] = [:]
            for queue in queues {
                guard let count = try await reading.count(of: queue) else { continue }
                counts[queue] = (count.messages, count.consumers)
            }
            return counts
        }
    }

    /// Adds what is missing of some subscriptions: what their consumers declare when they open them.
    ///
    /// What exists is left as it is.
    ///
    /// Waits until the bus runs.
    ///
    /// - Throws: `BusError` with code `topologyMismatch` when something exists with other arguments.
    package func declare(_ subscriptions: [Subscription]) async throws {
        try await self.withConnection("topology") { connection in
            for subscription in subscriptions { try await connection.declare(Declaration.all(for: subscription)) }
        }
    }
}

extension BrokerTopology {
    fileprivate mutating func read(_ wanted: WantedTopology, by reading: BrokerReading) async throws {
        for exchange in wanted.exchanges where self.exchanges[exchange.name] == nil {
            switch try await reading.exchange(exchange) {
            case .found(let found): self.exchanges[exchange.name] = found
            case .missing: break
            case .unknown(let reason):
                // What cannot be read is no difference.
                self.exchanges[exchange.name] = exchange
                self.unknown.append(reason)
            }
        }
        for queue in wanted.queues + wanted.retryQueues {
            switch try await reading.queue(queue) {
            case .found(let found): self.queues[queue.name] = found
            case .missing: break
            case .unknown(let reason):
                self.queues[queue.name] = queue
                self.unknown.append(reason)
            }
        }
        try await self.readUnwanted(wanted, by: reading)
    }

    /// What should not be there: of it only whether it is.
    private mutating func readUnwanted(_ wanted: WantedTopology, by reading: BrokerReading) async throws {
        let name = wanted.subscription.name
        let shards = TopologyExchange(Topology.shardExchange(name), type: "headers")
        if wanted.subscription.shards == 1, try await reading.exists(shards) { self.exchanges[shards.name] = shards }
        let known = Set((wanted.queues + wanted.retryQueues).map(\.name))
        let others = Topology.furtherQueues(of: name) + ["\(name).renewal", "\(name).renewal.dead"]
        for other in others where !known.contains(other) {
            guard let count = try await reading.count(of: other) else { continue }
            var queue = TopologyQueue(other, arguments: ["x-queue-type": "quorum"])
            queue.messages = count.messages
            queue.consumers = count.consumers
            self.queues[other] = queue
        }
    }
}
