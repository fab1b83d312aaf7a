// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DifferentialTesting
import EventBus
@_spi(Verification) import EventBusRabbit
import Logging
import Synchronization

/// A RabbitMQ bus that can be restarted, and subscriptions of its own.
final class RabbitHarness: DifferentialHarness {
    let subscriptions: [SubscriptionName]
    private let configuration: RabbitConfiguration
    private let running: Mutex<Running>

    /// Starts a bus.
    ///
    /// - Parameter name: distinguishes the subscriptions from those of other harnesses.
    init(_ configuration: RabbitConfiguration, name: String) throws {
        var configuration = configuration
        // Nobody kills the broker, and programs compare when retries come.
        configuration.queueSettling = .zero
        self.configuration = configuration
        self.subscriptions = try (1...Differential.slots).map { try SubscriptionName("differential.\(name).\($0)") }
        self.running = Mutex(Running(configuration))
    }

    var bus: any EventBus { self.running.withLock { $0.bus } }

    func restart() async throws {
        await self.end()
        self.running.withLock { $0 = Running(self.configuration) }
    }

    /// Ends the bus; must be called.
    func end() async {
        await self.running.withLock { $0 }.end()
    }

    private struct Running: Sendable {
        let bus: RabbitEventBus
        private let task: Task<Void, Never>

        init(_ configuration: RabbitConfiguration) {
            let bus = RabbitEventBus(
                configuration,
                logger: Logger(label: "differential") { _ in SwiftLogNoOpLogHandler() }
            )
            self.bus = bus
            self.task = Task { try? await bus.run() }
        }

        func end() async {
            self.task.cancel()
            await self.task.value
        }
    }
}
