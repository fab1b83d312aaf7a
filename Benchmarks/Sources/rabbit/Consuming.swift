// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit
import Measuring
import Synchronization

/// Takes what a queue has been filled with; each delivery gets a verdict of its own.
struct Consuming {
    private static let topic: Topic = "bench.consumed"

    /// What the messages in the queue have.
    enum Properties: String {
        case bare
        case all

        init(_ text: String) throws {
            guard let properties = Properties(rawValue: text) else {
                throw BenchmarkFailure("--properties \(text) is neither bare nor all")
            }
            self = properties
        }
    }

    private let count: Int
    private let prefetch: Int
    private let bus: RabbitEventBus

    init(count: Int, prefetch: Int, _ bus: RabbitEventBus) {
        self.count = count
        self.prefetch = prefetch
        self.bus = bus
    }

    /// Through ``EventBus/Deliveries``, the interface of backends.
    ///
    /// Decoding: each body is decoded as a consumer with a typed handler would, and nothing else of what it does.
    func measure(_ properties: Properties, isDecoding: Bool, on thread: WorkingThread) async throws -> Measurement {
        try await withTaskExecutorPreference(thread.executor(self.bus.executor)) {
            try await self.measure(properties, isDecoding: isDecoding)
        }
    }

    private func measure(_ properties: Properties, isDecoding: Bool) async throws -> Measurement {
        let subscription = try Subscription(
            "bench.consumed",
            patterns: [TopicPattern(Self.topic)],
            prefetch: self.prefetch
        )
        let start = Mutex<Measurement.Start?>(nil)
        let taken = Atomic(0)
        try await self.bus.withDeliveries(to: subscription) { deliveries in
            start.withLock { $0 = Measurement.Start() }
            var count = 0
            while count < self.count, let batch = try await deliveries.next() {
                for delivery in batch {
                    let message = delivery.message
                    guard message.body.count == Samples.body.count, (message.orderingKey != nil) == (properties == .all)
                    else { throw BenchmarkFailure("the queue holds other messages") }
                    if isDecoding { _ = try message.decode(Filled.self) }
                    deliveries.settle(delivery.id, .done)
                }
                count += batch.count
            }
            taken.store(count, ordering: .relaxed)
        }
        return try self.end(start.withLock { $0 }, taken.load(ordering: .relaxed))
    }

    /// Through an ``EventBus/EventConsumer`` with a typed handler.
    func measureTyped() async throws -> Measurement {
        let handled = Handled(self.count)
        let options = ConsumerOptions(prefetch: self.prefetch)
        let consumer = EventConsumer("bench.consumed", on: self.bus, options: options) {
            On(Filled.self) { _ in handled.add() }
        }
        return try await withService({ try await consumer.run() }) {
            try await consumer.untilConsuming()
            let start = Measurement.Start()
            await handled.untilAll()
            return try self.end(start, handled.count)
        }
    }

    private func end(_ start: Measurement.Start?, _ taken: Int) throws -> Measurement {
        guard let start, taken == self.count else { throw BenchmarkFailure("\(taken) of \(self.count) deliveries") }
        return start.end(operations: taken)
    }
}

/// What the queue has been filled with.
private struct Filled: Event {
    static let topic: Topic = "bench.consumed"

    let text: String
}

/// Counts to a number, which one task waits for.
private final class Handled: Sendable {
    private let expected: Int
    private let number = Atomic(0)
    private let end = AsyncStream<Void>.makeStream()

    init(_ expected: Int) { self.expected = expected }

    var count: Int { self.number.load(ordering: .relaxed) }

    func add() {
        if self.number.add(1, ordering: .relaxed).newValue == self.expected { self.end.continuation.finish() }
    }

    func untilAll() async {
        for await _ in self.end.stream {}
    }
}
