// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus

/// Redrives or discards dead letters, with progress on standard error.
struct DeadLetterChange: Sendable {
    let subscription: SubscriptionName
    let verdict: DeadLetterVerdict
    let filter: DeadLetterFilter
    var isDryRun = false
    var rate: Rate?
    var limit = Int.max

    private static let largestBatch = 500

    /// - Parameters:
    ///   - total: how many dead letters there are, if that is known.
    ///   - clock: for the rate and the progress.
    func run(
        on bus: any EventBus,
        total: Int? = nil,
        _ console: Console,
        clock: any Clock<Duration> = ContinuousClock()
    ) async throws {
        let clock = RelativeClock(clock)
        var progress = DeadLetterProgress(verdict: self.verdict, total: total.map { min($0, self.limit) })
        do {
            let batch = min(Self.largestBatch, self.rate?.batch ?? Self.largestBatch)
            let counts = try await bus.settleDeadLetters(of: self.subscription, limit: self.limit, batch: batch) {
                letters in
                if let line = progress.batchSettled(at: clock.now()) { console.tell(line) }
                let verdicts = letters.map { self.filter.matches($0) ? self.verdict : .keep }
                progress.decided(verdicts)
                if let rate, !self.isDryRun { try await clock.sleep(rate.time(of: progress.changed)) }
                return self.isDryRun ? verdicts.map { _ in .keep } : verdicts
            }
            _ = progress.batchSettled(at: clock.now())
            self.show(self.isDryRun ? progress.settled : counts, isComplete: true, console)
            if !self.isDryRun { console.tell(progress.summary(at: clock.now())) }
        } catch {
            // The last batch may be done as well, or half of it.
            self.show(self.isDryRun ? DeadLetterCounts() : progress.settled, isComplete: false, console)
            throw error
        }
    }

    private func show(_ counts: DeadLetterCounts, isComplete: Bool, _ console: Console) {
        let would = self.isDryRun ? "would be " : ""
        var parts = [
            self.verdict == .discard
                ? "\(counts.discarded) \(would)discarded" : "\(counts.redriven) \(would)redriven",
            "\(counts.kept) kept",
        ]
        if counts.copies > 0 { parts.insert("\(counts.copies) copies of redriven events removed", at: 1) }
        if !isComplete { parts.append("not complete: repeat it") }
        console.show(
            .object([
                "subscription": .string(self.subscription.description),
                "redriven": .int(counts.redriven),
                "discarded": .int(counts.discarded),
                "copies": .int(counts.copies),
                "kept": .int(counts.kept),
                "dryRun": .bool(self.isDryRun),
                "complete": .bool(isComplete),
            ]),
            text: parts.joined(separator: ", ")
        )
    }
}
