// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging

/// A worker's pauses while its store cannot be reached: the deliveries are held and no attempt is used up.
struct StoreOutage {
    let name: SubscriptionName
    let clock: RelativeClock
    let status: ConsumerStatus
    let logger: Logger
    private var backoff = Backoff(first: .milliseconds(20), longest: .seconds(1))
    private var hasBegun = false

    init(name: SubscriptionName, clock: RelativeClock, status: ConsumerStatus, logger: Logger) {
        self.name = name
        self.clock = clock
        self.status = status
        self.logger = logger
    }

    /// Waits before the store is asked again; `false` when the consumer shuts down instead.
    mutating func pause(_ cause: any Error) async throws -> Bool {
        if !self.hasBegun {
            self.hasBegun = true
            self.status.beginHolding("\(cause)")
            self.logger.info(
                "The store is unavailable; deliveries are held",
                error: cause,
                metadata: [LogKey.subscription: "\(self.name)"]
            )
        }
        guard !self.status.isShuttingDown else { return false }
        try await self.clock.sleep(self.clock.now() + self.backoff.next())
        return true
    }

    mutating func end() {
        if self.hasBegun { self.status.endHolding() }
    }
}
