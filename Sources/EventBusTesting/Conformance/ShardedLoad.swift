// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// Numbered events of several ordering keys, and what consumers have handled of them.
final class ShardedLoad: Sendable {
    struct Seen: Sendable {
        /// The consumer and the label of each event, in the order of handling; an event can be handled twice.
        fileprivate(set) var handled: [(consumer: String, label: String)] = []

        var consumers: Set<String> { Set(self.handled.map(\.consumer)) }

        /// Which consumers have handled the last events.
        func recent(_ count: Int) -> Set<String> { Set(self.handled.suffix(count).map(\.consumer)) }
    }

    private let scene: Scene
    private let keys: Int
    private let rounds = Mutex(0)
    private let state = Mutex(Seen())

    init(_ scene: Scene, keys: Int) {
        self.scene = scene
        self.keys = keys
    }

    var seen: Seen { self.state.withLock { $0 } }

    /// Publishes one event of each key per round.
    func publish(rounds: Int) async throws {
        for _ in 0..<rounds {
            let round = self.rounds.withLock { rounds in
                rounds += 1
                return rounds
            }
            let messages = try (0..<self.keys).map { try self.scene.message("\($0)/\(round)", key: "key-\($0)") }
            try await self.scene.publish(messages)
        }
    }

    /// Publishes one round per second until the condition holds.
    func publish(until isDone: (Seen) -> Bool) async throws {
        var rounds = 0
        while !isDone(self.seen) {
            rounds += 1
            // Virtual time is cheap.
            guard rounds < 1000 else {
                throw ConformanceFailure(
                    "the last of \(self.seen.handled.count) events were handled by \(self.seen.recent(20))"
                )
            }
            try await self.publish(rounds: 1)
            await self.scene.giveWay()
            try await self.scene.harness.pass(.seconds(1))
        }
    }

    /// Waits until everything that was published has been handled.
    func untilHandled() async throws {
        let expected = self.rounds.withLock { $0 } * self.keys
        while Set(self.seen.handled.map(\.label)).count < expected {
            self.scene.note("wait for \(expected) events, \(Set(self.seen.handled.map(\.label)).count) handled")
            await self.scene.giveWay()
            try await self.scene.harness.pass(.milliseconds(100))
        }
    }

    func handle(_ deliveries: [Delivery], by consumer: String, _ inbox: ReceivedDeliveries) {
        self.state.withLock { seen in
            seen.handled += inbox.labels(deliveries).map { (consumer, $0) }
        }
        inbox.settle(deliveries, .done)
    }

    /// Lets a consumer handle everything while `body` runs.
    ///
    /// - Parameters:
    ///   - waits: whether it begins only when `body` raises the signal.
    ///   - isSlow: whether it takes all that it may hold and then handles one event after the other, each for a tenth of a second;
    ///     the second event of key 3 becomes a dead letter.
    func withConsumer(
        _ name: String,
        of subscription: Subscription,
        waits: Bool = false,
        isSlow: Bool = false,
        _ body: (Signal) async throws -> Void
    ) async throws {
        let begin = Signal()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                if waits { await begin.wait() }
                try await self.scene.open(subscription) { inbox in
                    if isSlow { return try await self.handleSlowly(inbox, by: name) }
                    while let deliveries = try await inbox.deliveries.next() {
                        self.handle(deliveries, by: name, inbox)
                    }
                }
            }
            try await body(begin)
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    private func handleSlowly(_ inbox: ReceivedDeliveries, by consumer: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (deliveries, continuation) = AsyncStream.makeStream(of: Delivery.self)
            group.addTask {
                defer { continuation.finish() }
                while let batch = try await inbox.deliveries.next() {
                    for delivery in batch { continuation.yield(delivery) }
                }
            }
            for await delivery in deliveries {
                try await self.scene.harness.clock.sleep(for: .milliseconds(100))
                if self.scene.label(of: delivery.message) == "3/2" {
                    self.state.withLock { $0.handled.append((consumer, "3/2")) }
                    inbox.settle(delivery, .deadLetter(reason: "no", Failures(count: 1)))
                    try await inbox.flush()
                } else {
                    self.handle([delivery], by: consumer, inbox)
                }
            }
            try await group.waitForAll()
        }
    }

    /// Lets time pass until the condition holds.
    func work(until isDone: (Seen) -> Bool) async throws {
        for _ in 0..<1000 where !isDone(self.seen) {
            self.scene.note("wait for consumers, so far \(self.seen.consumers) with \(self.seen.handled.count)")
            await self.scene.giveWay()
            try await self.scene.harness.pass(.milliseconds(100))
        }
        try expect("done: \(self.seen.consumers), \(self.seen.handled.count)", isDone(self.seen))
    }

    /// The first handling of each event of a key came in the order of publishing, and none is missing.
    func expectOrder() throws {
        let (handled, rounds) = (self.seen.handled.map(\.label), self.rounds.withLock { $0 })
        var known: Set<String> = []
        let first = handled.filter { known.insert($0).inserted }
        for key in 0..<self.keys {
            let order = first.filter { $0.hasPrefix("\(key)/") }
            try expect("events of key \(key)", order, (1...rounds).map { "\(key)/\($0)" })
        }
    }
}
