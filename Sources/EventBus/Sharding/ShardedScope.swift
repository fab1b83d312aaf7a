// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Opens a sharded subscription: every shard as an ordered subscription of its own, which the instances share out among them.
///
/// All instances open all shards, and of each shard one consumer is active: when an instance ends, the next in line gets its shards.
/// An instance that has more than its share hands some over: it starts nothing more of them, waits until what it has started is
/// settled, ends their scopes and opens them again, as the last in line.
package struct ShardedScope: Sendable {
    package typealias Open = @Sendable (Subscription, (any Deliveries) async throws -> Void) async throws -> Void

    /// How often to look whether the shards are spread evenly.
    static let interval = Duration.seconds(2)

    private let subscription: Subscription
    private let clock: RelativeClock
    private let open: Open
    private let instances: @Sendable () async throws -> Int
    private let leave: @Sendable () async -> Void
    private let note: @Sendable (SubscriptionName, (any Error)?) -> Void
    private let deliveries: ShardedDeliveries

    /// - Parameters:
    ///   - subscription: has several shards.
    ///   - clock: measures when to look.
    ///   - open: opens a shard, as an ordered subscription.
    ///   - instances: counts the open scopes of the subscription, this one included.
    ///   - leave: makes that this one is no longer counted.
    ///   - note: gets why a shard is not open, and `nil` when it is or nobody tries any longer.
    package init(
        _ subscription: Subscription,
        clock: RelativeClock,
        open: @escaping Open,
        instances: @escaping @Sendable () async throws -> Int,
        leave: @escaping @Sendable () async -> Void,
        note: @escaping @Sendable (SubscriptionName, (any Error)?) -> Void = { _, _ in }
    ) {
        self.subscription = subscription
        self.clock = clock
        self.open = open
        self.instances = instances
        self.leave = leave
        self.note = note
        self.deliveries = ShardedDeliveries(shards: subscription.shards)
    }

    /// Runs `body` with the deliveries of all shards, once the first of them is open.
    ///
    /// A shard that cannot be opened, or whose connection is lost while nothing of it is out, is opened again; meanwhile the others
    /// go on. The scopes of the shards end after `body`, also when the task is cancelled, since its handlers run until then.
    ///
    /// - Throws: what `body` throws; why no shard could be opened, or why one was lost of which something was out.
    package func run(_ body: (any Deliveries) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for shard in 0..<self.subscription.shards { group.addTask { await self.serve(shard) } }
            group.addTask { await self.keepBalance() }
            // None may wait for another attempt when there is nothing more to do.
            defer {
                self.deliveries.end()
                group.cancelAll()
            }
            try await self.deliveries.untilOpen()
            try await body(self.deliveries)
        }
    }

    /// Keeps a shard open, again and again.
    private func serve(_ shard: Int) async {
        let subscription = self.subscription.shard(shard)
        var pause = ReopeningPause()
        while self.deliveries.mayOpen, !Task.isCancelled {
            var opened: Duration?
            do {
                try await self.open(subscription) { deliveries in
                    guard self.deliveries.opened(shard, deliveries) else { return }
                    opened = self.clock.now()
                    self.note(subscription.name, nil)
                    let loss = await self.pull(deliveries, shard)
                    if let loss { self.deliveries.lost(shard, loss) }
                    await self.deliveries.untilReleased(shard)
                    if let loss { throw loss }
                }
            } catch {
                self.deliveries.lost(shard, error)
                guard self.deliveries.mayOpen, !Task.isCancelled else { break }
                self.note(subscription.name, error)
                let now = self.clock.now()
                try? await self.clock.sleep(now + pause.next(openFor: opened.map { now - $0 }))
            }
        }
        self.note(subscription.name, nil)
    }

    /// Returns why the deliveries have ended; `nil` after a stop.
    private func pull(_ deliveries: any Deliveries, _ shard: Int) async -> (any Error)? {
        guard let executor = deliveries.executor else { return await self.pullHere(deliveries, shard) }
        return await withTaskExecutorPreference(executor) { await self.pullHere(deliveries, shard) }
    }

    private func pullHere(_ deliveries: any Deliveries, _ shard: Int) async -> (any Error)? {
        do {
            while let arrived = try await deliveries.next() { self.deliveries.arrived(arrived, from: shard) }
            return nil
        } catch {
            return error
        }
    }

    private func keepBalance() async {
        await withDiscardingTaskGroup { group in
            while await self.deliveries.untilLook(at: self.clock.now() + Self.interval, on: self.clock) {
                do {
                    let moves = self.deliveries.look(instances: try await self.instances())
                    // Side by side: one that cannot be handed over holds up no other.
                    for move in moves {
                        let deadline = self.clock.now() + move.patience
                        group.addTask { await self.deliveries.handOver(move.shard, until: deadline, on: self.clock) }
                    }
                } catch {
                    return self.deliveries.fail(error)
                }
            }
            // After a stop every shard goes as soon as nothing of it is out, so that other instances need not wait for all of them.
            // Until the last has gone, they must not leave anything to this one.
            group.addTask { await self.leave() }
            for shard in self.deliveries.rest {
                group.addTask { await self.deliveries.handOver(shard, until: .zero, on: self.clock) }
            }
        }
    }
}
