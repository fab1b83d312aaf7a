// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import EventBusRabbit

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
    ///   - queue: what the dead-letter queue has before anything is done.
    ///   - clock: for the rate and the progress.
    /// - Throws: ``CommandError`` with code ``CommandExit/incomplete`` when not everything could be looked at; the errors of the bus.
    func run(
        on bus: any EventBus,
        _ queue: QueueCount,
        _ console: Console,
        clock: any Clock<Duration> = ContinuousClock()
    ) async throws {
        let clock = RelativeClock(clock)
        var progress = DeadLetterProgress(verdict: self.verdict, total: min(queue.messages, self.limit))
        let counts: DeadLetterCounts
        do {
            let batch = min(Self.largestBatch, self.rate?.batch ?? Self.largestBatch)
            counts = try await bus.settleDeadLetters(of: self.subscription, limit: self.limit, batch: batch) {
                letters in
                if let line = progress.batchSettled(at: clock.now()) { console.tell(line) }
                let verdicts = letters.map { self.filter.matches($0) ? self.verdict : .keep }
                progress.decided(verdicts)
                if let rate, !self.isDryRun { try await clock.sleep(rate.time(of: progress.changed)) }
                return self.isDryRun ? verdicts.map { _ in .keep } : verdicts
            }
        } catch {
            // The last batch may be done as well, or half of it.
            self.show(self.isDryRun ? DeadLetterCounts() : progress.settled, reason: "ended", console)
            throw error
        }
        _ = progress.batchSettled(at: clock.now())
        let gap = DeadLetterGap(queue, limit: self.limit, looked: counts)
        self.show(self.isDryRun ? progress.settled : counts, reason: gap?.name, console)
        if !self.isDryRun { console.tell(progress.summary(at: clock.now())) }
        try gap?.check()
    }

    /// - Parameter reason: why it is not complete, if it is not.
    private func show(_ counts: DeadLetterCounts, reason: String?, _ console: Console) {
        let would = self.isDryRun ? "would be " : ""
        var parts = [
            self.verdict == .discard
                ? "\(counts.discarded) \(would)discarded" : "\(counts.redriven) \(would)redriven",
            "\(counts.kept) kept",
        ]
        if counts.copies > 0 { parts.insert("\(counts.copies) copies of redriven events removed", at: 1) }
        if reason != nil { parts.append("not complete: repeat it") }
        console.show(
            .object([
                "subscription": .string(self.subscription.description),
                "redriven": .int(counts.redriven),
                "discarded": .int(counts.discarded),
                "copies": .int(counts.copies),
                "kept": .int(counts.kept),
                "dryRun": .bool(self.isDryRun),
                "complete": .bool(reason == nil),
                "reason": .string(reason),
            ]),
            text: parts.joined(separator: ", ")
        )
    }
}
