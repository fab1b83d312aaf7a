// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Measuring
import Synchronization

/// Typed events: encoded, published one by one, delivered to a consumer with a typed handler, decoded, settled.
final class Typed: Sendable {
    private let bus = InMemoryEventBus(capacity: 4096)
    private let sum = Atomic(0)

    func measure(for seconds: Double) async throws -> Measurement {
        let consumer = EventConsumer("bench.typed", on: self.bus) {
            On(Samples.Registered.self) { event in self.sum.add(event.number, ordering: .relaxed) }
        }
        return try await withService({ try await consumer.run() }) {
            try await consumer.untilConsuming()
            let start = Measurement.Start()
            var (published, expected) = (0, 0)
            while start.seconds < seconds {
                for _ in 0..<128 {
                    published += 1
                    expected += published
                    try await self.bus.publish(Samples.Registered(number: published))
                }
            }
            while self.sum.load(ordering: .relaxed) < expected { await Task.yield() }
            guard self.sum.load(ordering: .relaxed) == expected else {
                throw BenchmarkFailure("events were handled twice")
            }
            return start.end(operations: published)
        }
    }
}
