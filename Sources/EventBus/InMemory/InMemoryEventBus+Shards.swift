// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension InMemoryEventBus {
    /// Opens a sharded subscription.
    ///
    /// - Parameter open: opens a shard.
    package func withShards(
        of subscription: Subscription,
        open: @escaping ShardedScope.Open,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        try Task.checkCancellation()
        let member = try self.attach(subscription)
        defer { member.detach() }
        let scope = ShardedScope(
            subscription,
            clock: self.clock,
            open: open,
            instances: { member.queue.state.consumers.count },
            leave: { member.detach() }
        )
        try await scope.run(body)
    }

    func check(_ queue: InMemoryQueue, against subscription: Subscription) throws(BusError) {
        let name = subscription.name
        guard queue.ordering == subscription.ordering else {
            throw BusError(
                .topologyMismatch,
                "subscription \(name) exists with ordering \(queue.ordering), not \(subscription.ordering)"
            )
        }
        let shards = max(1, queue.shards.count)
        guard shards == subscription.shards else {
            throw BusError(
                .topologyMismatch,
                "subscription \(name) exists with \(shards) shards, not \(subscription.shards)"
            )
        }
    }
}
