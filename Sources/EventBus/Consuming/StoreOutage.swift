// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging

/// A worker's pauses while its store cannot do its part: the deliveries are held and no attempt is used up.
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
    mutating func pause(_ trouble: StoreTrouble) async throws -> Bool {
        // A conflict with another transaction is normal and over soon.
        if !self.hasBegun, trouble.kind != .contended {
            self.hasBegun = true
            let reason = ErrorTexts.safe.text(of: trouble.cause)
            self.status.beginHolding(reason)
            self.logger.info(
                "The store is unavailable; deliveries are held",
                metadata: [LogKey.subscription: "\(self.name)", LogKey.reason: "\(reason)"]
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
