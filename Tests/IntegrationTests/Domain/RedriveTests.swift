// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

@Suite("Dead letters on real servers", .enabled(if: Servers.isAvailable), .timeLimit(.minutes(2)))
struct RedriveTests {
    private struct Asked: Event {
        static let topic: Topic = "test.asked"
    }

    private struct Failed: Error {}

    private final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { self.count.withLock { $0 } }
        func increment() { self.count.withLock { $0 += 1 } }
    }

    @Test("a dead letter that used up its attempts has all of them again when it is redriven")
    func redriven() async throws {
        try await Backend.servers.withSystem { system in
            let name: SubscriptionName = "test.questions"
            let starts = Counter()
            let consumer = EventConsumer(
                name,
                on: system.bus,
                store: system.paymentStore,
                options: ConsumerOptions(retry: RetryPolicy(attempts: 2, firstDelay: .seconds(1), factor: 1))
            ) {
                On(Asked.self) { (_: Asked, _: borrowing Transaction) in
                    starts.increment()
                    throw Failed()
                }
            }
            try await whileRunningServices([consumer]) {
                try await consumer.untilConsuming()
                try await system.bus.publish(Asked())
                for round in 1...3 {
                    let letter = try await eventually(within: .seconds(30), "dead letter \(round)") {
                        try await system.bus.deadLetters(of: name).first
                    }
                    #expect(letter.redrives == round - 1)
                    #expect(letter.failures.count == 2)
                    #expect(starts.value == 2 * round)
                    #expect(try await system.bus.redrive(name) == 1)
                }
            }
        }
    }
}
