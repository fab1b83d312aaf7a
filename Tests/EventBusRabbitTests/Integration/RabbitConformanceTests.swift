// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    @Suite("RabbitMQ fulfills the contract", .enabled(if: Broker.url != nil), .serialized)
    struct RabbitConformanceTests {
        private struct Harness: EventBusHarness {
            let bus: any EventBus

            func remove(_ subscriptions: [SubscriptionName]) async {
                for subscription in subscriptions { try? await Broker.delete(subscription) }
            }
        }

        @Test("The case passes", arguments: EventBusConformance.cases)
        func conforms(_ testCase: EventBusConformance.Case) async throws {
            try await Broker.withBus { bus in
                try await testCase.run(on: Harness(bus: bus))
            }
        }
    }
}
