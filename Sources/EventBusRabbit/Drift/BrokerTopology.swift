// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a broker has in one virtual host, as far as it could be read.
package struct BrokerTopology: Sendable {
    package var exchanges: [String: TopologyExchange]
    package var queues: [String: TopologyQueue]
    /// `nil` if they are not known: AMQP has no question for them.
    package var bindings: Set<TopologyBinding>?
    /// Whether ``queues`` has all queues of the virtual host, so that subscriptions can be found that the code does not know.
    package var isComplete: Bool
    /// How many nodes the cluster has; `nil` if that is not known.
    package var nodes: Int?
    /// What could not be read, and why, for people.
    package var unknown: [String]

    package init(
        exchanges: [TopologyExchange] = [],
        queues: [TopologyQueue] = [],
        bindings: Set<TopologyBinding>? = nil,
        isComplete: Bool = false,
        nodes: Int? = nil,
        unknown: [String] = []
    ) {
        self.exchanges = Dictionary(exchanges.map { ($0.name, $0) }) { $1 }
        self.queues = Dictionary(queues.map { ($0.name, $0) }) { $1 }
        self.bindings = bindings
        self.isComplete = isComplete
        self.nodes = nodes
        self.unknown = unknown
    }
}
