// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit
import Measuring
import ServiceLifecycle

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A bus on the broker that the environment's `RABBITMQ_URL` names.
struct RunningBus {
    private let bus: RabbitEventBus

    init() throws {
        guard let url = ProcessInfo.processInfo.environment["RABBITMQ_URL"] else {
            throw BenchmarkFailure("RABBITMQ_URL is not set")
        }
        self.bus = RabbitEventBus(try RabbitConfiguration(url: url))
    }

    /// Measures while the bus runs, and prints the result.
    func run(_ measure: @escaping @Sendable (RabbitEventBus) async throws -> Measurement) async throws {
        try await withService({ try await self.bus.run() }) { try await measure(self.bus) }.report()
    }
}
