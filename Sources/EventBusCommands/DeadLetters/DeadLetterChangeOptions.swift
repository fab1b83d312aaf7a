// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus

/// How to change dead letters.
struct DeadLetterChangeOptions: ParsableArguments, Sendable {
    @Flag(help: "Only tell what would be done.")
    var dryRun = false

    @Option(help: ArgumentHelp("Do it no faster.", valueName: "number/s"))
    var rate: Rate?

    @Option(help: "Consider only so many of the oldest dead letters.")
    var limit: Int?

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is \(limit), must be at least 1") }
    }

    func change(
        _ verdict: DeadLetterVerdict,
        _ filter: DeadLetterFilterOptions,
        of subscription: SubscriptionName,
        now: Stamp = .next()
    ) -> DeadLetterChange {
        DeadLetterChange(
            subscription: subscription,
            verdict: verdict,
            filter: filter.filter(now: now.time),
            isDryRun: self.dryRun,
            rate: self.rate,
            limit: self.limit ?? .max
        )
    }
}
