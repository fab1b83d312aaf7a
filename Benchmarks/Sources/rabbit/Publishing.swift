// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit
import Measuring

/// Messages with all properties, published with confirms by tasks side by side.
struct Publishing {
    private static let topic: Topic = "bench.published"

    private let batch: Int
    private let tasks: Int
    private let thread: WorkingThread
    private let bus: RabbitEventBus

    init(batch: Int, tasks: Int, on thread: WorkingThread, _ bus: RabbitEventBus) {
        self.batch = batch
        self.tasks = tasks
        self.thread = thread
        self.bus = bus
    }

    func measure(for seconds: Double) async throws -> Measurement {
        // Declares the queue.
        let subscription = try Subscription("bench.published", patterns: [TopicPattern(Self.topic)])
        try await self.bus.withDeliveries(to: subscription) { _ in }
        _ = try await self.publish(for: 0.2)
        let start = Measurement.Start()
        return start.end(operations: try await self.publish(for: seconds))
    }

    private func publish(for seconds: Double) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            let start = Measurement.Start()
            for _ in 0..<self.tasks {
                group.addTask(executorPreference: self.thread.executor(self.bus.executor)) {
                    var published = 0
                    while start.seconds < seconds {
                        let messages = (0..<self.batch).map { _ in Samples.message(to: Self.topic) }
                        let outcomes = await self.bus.publish(messages)
                        guard outcomes.allSatisfy(\.isConfirmed) else {
                            throw BenchmarkFailure("not confirmed: \(outcomes)")
                        }
                        published += self.batch
                    }
                    return published
                }
            }
            return try await group.reduce(0, +)
        }
    }
}
