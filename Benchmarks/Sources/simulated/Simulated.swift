// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Measuring
import Synchronization

/// As ``Typed``, on the one thread of a simulation.
enum Simulated {
    static func measure(for seconds: Double) throws -> Measurement {
        try Simulation.run(seed: 1) { simulation in
            let sum = Counter()
            simulation.start("bench") { process in
                [
                    EventConsumer("bench.simulated", on: process.bus, clock: process.clock) {
                        On(Samples.Registered.self) { event in sum.value.add(event.number, ordering: .relaxed) }
                    }
                ]
            }
            try await simulation.settle()
            let start = Measurement.Start()
            var (published, expected) = (0, 0)
            while start.seconds < seconds {
                for _ in 0..<128 {
                    published += 1
                    expected += published
                    try await simulation.bus.publish(Samples.Registered(number: published))
                }
                try await simulation.settle()
            }
            guard sum.value.load(ordering: .relaxed) == expected else {
                throw BenchmarkFailure("not every event was handled once")
            }
            return start.end(operations: published)
        }
    }

    private final class Counter: Sendable {
        let value = Atomic(0)
    }
}
