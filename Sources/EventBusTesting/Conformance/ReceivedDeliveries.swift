// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The deliveries of one open scope, with the checks that cases need.
struct ReceivedDeliveries: Sendable {
    let deliveries: any Deliveries
    private let scene: Scene

    init(_ deliveries: any Deliveries, scene: Scene) {
        self.deliveries = deliveries
        self.scene = scene
    }

    /// Takes the next batch.
    func next() async throws -> [Delivery] {
        self.scene.note("wait for deliveries")
        guard let batch = try await self.deliveries.next() else {
            throw ConformanceFailure("next() returned nil although nobody called stop()")
        }
        try expect("next() returns at least one delivery", !batch.isEmpty)
        return batch
    }

    /// Takes `count` deliveries, in any number of batches.
    func take(count: Int) async throws -> [Delivery] {
        var taken: [Delivery] = []
        while taken.count < count {
            self.scene.note("wait for \(count - taken.count) more than \(self.labels(taken))")
            taken += try await self.next()
        }
        guard taken.count == count else {
            throw ConformanceFailure("expected \(count) deliveries, got \(self.labels(taken))")
        }
        return taken
    }

    /// Takes the messages with the given labels and no others, in this order.
    @discardableResult
    func take(_ labels: String...) async throws -> [Delivery] {
        self.scene.note("wait for \(labels)")
        var taken: [Delivery] = []
        while taken.count < labels.count {
            taken += try await self.next()
            try expect("deliveries", self.labels(taken), Array(labels.prefix(taken.count)))
        }
        return taken
    }

    /// Takes one message, which must be the only delivery of its batch.
    func takeAlone(_ label: String) async throws -> Delivery {
        self.scene.note("wait for \(label) alone")
        let batch = try await self.next()
        try expect("deliveries that came together", self.labels(batch), [label])
        return batch[0]
    }

    /// Calls `next()` in a task that is cancelled while `meanwhile` runs or right after it; `nil` when it throws
    /// `CancellationError`.
    func cancelledNext(atOnce: Bool = true, _ meanwhile: @escaping @Sendable () async throws -> Void) async throws
        -> [Delivery]?
    {
        try await withThrowingTaskGroup(of: [Delivery]?.self) { group in
            group.addTask {
                do { return try await self.next() } catch is CancellationError { return nil }
            }
            async let running: Void = meanwhile()
            if atOnce { group.cancelAll() }
            try await running
            group.cancelAll()
            return try await group.next() ?? nil
        }
    }

    func settle(_ delivery: Delivery, _ verdict: Verdict) {
        self.deliveries.settle(delivery.id, verdict)
    }

    func settle(_ deliveries: some Sequence<Delivery>, _ verdict: Verdict) {
        for delivery in deliveries { self.settle(delivery, verdict) }
    }

    func flush() async throws {
        self.scene.note("flush")
        try await self.deliveries.flush()
    }

    func labels(_ deliveries: [Delivery]) -> [String] {
        deliveries.map { self.scene.label(of: $0.message) }
    }
}
