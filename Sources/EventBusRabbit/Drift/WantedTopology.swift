// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// What a subscription of the code has on a broker, taken from what its consumers declare.
package struct WantedTopology: Sendable {
    package let subscription: Subscription
    package let exchanges: [TopologyExchange]
    /// Those that every consumer declares when it opens the subscription.
    package let queues: [TopologyQueue]
    package let bindings: [TopologyBinding]
    /// Those that a consumer declares when a message first needs them: one for each delay of the ladder.
    package let retryQueues: [TopologyQueue]

    package init(_ subscription: Subscription) {
        self.subscription = subscription
        let declarations = Declaration.all(for: subscription).map(\.active)
        self.exchanges = declarations.compactMap(TopologyExchange.init)
        self.queues = declarations.compactMap(TopologyQueue.init)
        self.bindings = declarations.compactMap(TopologyBinding.init)
        // The retry queues of shards lead to their exchange.
        let retrying = subscription.shards > 1 ? subscription.name.shard(0) : subscription.name
        self.retryQueues = RetryLadder.delays.map { Declaration.retryQueue(of: retrying, $0).active }
            .compactMap(TopologyQueue.init)
    }
}

extension TopologyExchange {
    fileprivate init?(_ method: ClientMethod) {
        guard case .exchangeDeclare(let name, let type, _, let arguments) = method else { return nil }
        self.init(name, type: type, arguments: Dictionary(arguments) { $1 })
    }
}

extension TopologyQueue {
    fileprivate init?(_ method: ClientMethod) {
        guard case .queueDeclare(let name, _, let arguments) = method else { return nil }
        self.init(name, arguments: Dictionary(arguments) { $1 })
    }
}

extension TopologyBinding {
    fileprivate init?(_ method: ClientMethod) {
        switch method {
        case .queueBind(let queue, let exchange, let key, let arguments):
            self.init(from: exchange, to: queue, key: key, arguments: Dictionary(arguments) { $1 })
        case .exchangeBind(let exchange, let source, let key):
            self.init(from: source, to: exchange, isToExchange: true, key: key)
        default: return nil
        }
    }
}
