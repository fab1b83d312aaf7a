// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import EventBusRabbit

/// Whose dead letters.
struct DeadLetterTarget: ParsableArguments, Sendable {
    /// The broker delivers at most so many unacknowledged messages.
    static let mostLookedAt = 65_535

    @Argument(help: "The subscription.", transform: { try SubscriptionName($0) })
    var subscription: SubscriptionName

    @OptionGroup var rabbit: RabbitOptions

    func withBus(_ console: Console, _ body: (RabbitEventBus) async throws -> Void) async throws {
        try await self.rabbit.withBus(console, body)
    }
}
