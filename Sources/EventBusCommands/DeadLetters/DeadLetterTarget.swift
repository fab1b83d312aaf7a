// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import EventBusRabbit

/// Whose dead letters.
struct DeadLetterTarget: ParsableArguments, Sendable {
    @Argument(help: "The subscription.", transform: { try SubscriptionName($0) })
    var subscription: SubscriptionName

    @OptionGroup var rabbit: RabbitOptions

    /// - Parameter body: gets what the dead-letter queue has before anything is done, too.
    func withBus(_ console: Console, _ body: (RabbitEventBus, QueueCount) async throws -> Void) async throws {
        try await self.rabbit.withBus(console) { bus in
            try await body(bus, try await bus.deadLetterCount(of: self.subscription))
        }
    }
}
