// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// How to wait for deliveries.
enum Waiting: Sendable {
    /// Until the expected number has arrived, but no longer than this by the system's clock.
    case patiently(Duration)
    /// Everything runs on one thread: a delivery that does not arrive at once does not arrive at all.
    case onOneThread
}

/// Takes deliveries of several consumers of one subscription at the same time.
struct DeliveryCollector: Sendable {
    struct Batch: Sendable {
        let consumer: Int
        let deliveries: [Delivery]
    }

    let waiting: Waiting

    /// Takes until `count` deliveries have arrived or nothing more arrives.
    ///
    /// - Throws: what `next()` throws.
    func take(_ count: Int, from consumers: [(number: Int, deliveries: any Deliveries)]) async throws -> [Batch] {
        switch self.waiting {
        case .onOneThread: try await Self.takeAtOnce(count, from: consumers)
        case .patiently(let limit): try await Self.take(count, from: consumers, within: limit)
        }
    }

    private static func takeAtOnce(
        _ count: Int,
        from consumers: [(number: Int, deliveries: any Deliveries)]
    ) async throws -> [Batch] {
        var batches: [Batch] = []
        var isEmpty = false
        // The limit ends the loop for a bus that delivers one message again and again.
        while !isEmpty, batches.count(of: \.deliveries.count) < min(count, 10_000) {
            isEmpty = true
            for consumer in consumers {
                guard let deliveries = try await Self.atOnce(consumer.deliveries) else { continue }
                isEmpty = false
                batches.append(Batch(consumer: consumer.number, deliveries: deliveries))
            }
        }
        return batches
    }

    /// What is there without waiting: on one thread, tasks run in the order in which they became ready.
    private static func atOnce(_ deliveries: any Deliveries) async throws -> [Delivery]? {
        try await withThrowingTaskGroup(of: [Delivery]?.self) { group in
            group.addTask { try await deliveries.next() }
            group.addTask { nil }
            let first = try await group.next() ?? nil
            group.cancelAll()
            do {
                let second = try await group.next() ?? nil
                return first ?? second
            } catch is CancellationError {
                return first
            }
        }
    }

    private static func take(
        _ count: Int,
        from consumers: [(number: Int, deliveries: any Deliveries)],
        within limit: Duration
    ) async throws -> [Batch] {
        let batches = Box()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await Task.sleep(for: limit) }
            for consumer in consumers {
                group.addTask {
                    while batches.count < count {
                        guard let deliveries = try await consumer.deliveries.next() else { return }
                        batches.add(Batch(consumer: consumer.number, deliveries: deliveries))
                    }
                }
            }
            try await group.next()
            group.cancelAll()
            while !group.isEmpty {
                do { try await group.next() } catch is CancellationError {}
            }
        }
        return batches.all
    }

    private final class Box: Sendable {
        private let batches = Mutex<[Batch]>([])

        var all: [Batch] { self.batches.withLock { $0 } }
        var count: Int { self.all.count(of: \.deliveries.count) }

        func add(_ batch: Batch) { self.batches.withLock { $0.append(batch) } }
    }
}

extension Array {
    fileprivate func count(of value: (Element) -> Int) -> Int { self.reduce(0) { $0 + value($1) } }
}
