// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus

/// How to change dead letters.
struct DeadLetterChangeOptions: ParsableArguments, Sendable {
    @Flag(help: "Only tell what would be done.")
    var dryRun = false

    @Option(help: ArgumentHelp("Do it no faster: 100/s, 30/m, 1000/h; at least 12/h.", valueName: "rate"))
    var rate: Rate?

    @Option(help: "Consider only so many of the oldest dead letters.")
    var limit: Int?

    func validate() throws {
        if let rate, rate.isTooSlow {
            throw ValidationError(
                "--rate means one dead letter in \(Int(1 / rate.perSecond)) s, and RabbitMQ takes back what is held for so long: "
                    + "12/h is the slowest; for less, repeat it with --limit"
            )
        }
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
