// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit
import Measuring
import Synchronization

/// From the call of `publish` to the handler, at a fixed rate that no answer slows down.
final class Latency: Sendable {
    private static let topic: Topic = "bench.latency"
    private static let warmUp = 1

    private let rate: Int
    private let thread: WorkingThread
    private let bus: RabbitEventBus
    private let sent = Mutex<[String: ContinuousClock.Instant]>([:])

    init(rate: Int, on thread: WorkingThread, _ bus: RabbitEventBus) {
        self.rate = rate
        self.thread = thread
        self.bus = bus
    }

    func measure(for seconds: Double) async throws -> Measurement {
        try await withTaskExecutorPreference(self.thread.executor(self.bus.executor)) {
            try await self.latencies(for: seconds)
        }
    }

    private func latencies(for seconds: Double) async throws -> Measurement {
        let count = Int(Double(self.rate) * seconds)
        let skipped = self.rate * Self.warmUp
        let subscription = try Subscription("bench.latency", patterns: [TopicPattern(Self.topic)], prefetch: 500)
        let samples = Mutex<[Duration]>([])
        let start = Mutex<Measurement.Start?>(nil)
        try await self.bus.withDeliveries(to: subscription) { deliveries in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask(executorPreference: self.executor) { try await self.publish(skipped + count) }
                var taken = 0
                while taken < skipped + count, let batch = try await deliveries.next() {
                    for delivery in batch {
                        let now = ContinuousClock.now
                        deliveries.settle(delivery.id, .done)
                        // What an earlier run has left is no sample.
                        guard let time = self.time(of: delivery.message) else { continue }
                        taken += 1
                        if taken == skipped { start.withLock { $0 = Measurement.Start() } }
                        if taken > skipped { samples.withLock { $0.append(time.duration(to: now)) } }
                    }
                }
                try await group.waitForAll()
            }
        }
        let all = samples.withLock { $0 }
        guard let start = start.withLock({ $0 }), all.count == count else {
            throw BenchmarkFailure("\(all.count) of \(count) deliveries")
        }
        return start.end(operations: all.count, latencies: Measurement.Latencies(all))
    }

    private var executor: any TaskExecutor { self.thread.executor(self.bus.executor) ?? globalConcurrentExecutor }

    /// When a message was sent, if this process has sent it.
    private func time(of message: Message) -> ContinuousClock.Instant? {
        self.sent.withLock { $0.removeValue(forKey: message.id) }
    }

    /// Publishes at times that were fixed before; each in a task of its own, so that none waits for another's answer.
    private func publish(_ count: Int) async throws {
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                try await ContinuousClock().sleep(until: begin + .seconds(1) * number / self.rate, tolerance: .zero)
                let message = Samples.message(to: Self.topic)
                // Here and not in the task: what holds tasks up is a part of the latency.
                self.sent.withLock { $0[message.id] = .now }
                group.addTask(executorPreference: self.executor) {
                    let outcomes = await self.bus.publish([message])
                    guard outcomes.allSatisfy(\.isConfirmed) else {
                        throw BenchmarkFailure("not confirmed: \(outcomes)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
