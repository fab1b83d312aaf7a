// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging

/// The life of one open subscription: deliveries are pulled into the backlog, workers take them, handle them and settle them.
struct ConsumerScope: Sendable {
    let name: SubscriptionName
    let deliveries: any Deliveries
    let backlog: Backlog
    let processor: any DeliveryProcessor
    let options: ConsumerOptions
    let clock: RelativeClock
    let status: ConsumerStatus
    let logger: Logger

    /// Runs until the deliveries end and all that came is handled.
    ///
    /// When it throws, running handlers have been cancelled and
    /// have ended, and what is unsettled goes back with the subscription's scope.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<self.options.concurrency {
                group.addTask { try await self.work() }
            }
            if self.options.ordering == .perKey {
                group.addTask { await self.wakeSleepers() }
            }
            if let executor = self.deliveries.executor {
                // Where deliveries come from, so that none wakes a thread before a worker gets it.
                group.addTask(executorPreference: executor) { try await self.pull() }
            } else {
                // No preference at all: `nil` would take the task away from the executor of its parent.
                group.addTask { try await self.pull() }
            }
            // Not `waitForAll`, which would wait for workers that wait for deliveries that no longer come.
            while try await group.next() != nil {}
        }
        try await self.deliveries.flush()
    }

    private func pull() async throws {
        while let batch = try await self.deliveries.next() { self.backlog.add(batch) }
        self.backlog.finish()
    }

    /// Handles deliveries until none can come any more.
    private func work() async throws {
        let limit = WorkLimit(self.options.timeLimit, on: self.clock)
        var interrupted: Hand?
        repeat {
            let hand = interrupted
            interrupted = try await limit.supervise { try await self.work(on: hand, within: limit) }
            try Task.checkCancellation()
        } while interrupted != nil
    }

    /// Returns what is in hand when the time limit has cancelled the task.
    private func work(on hand: Hand?, within limit: WorkLimit) async throws -> Hand? {
        if let hand, let interrupted = try await self.handle(hand, within: limit) { return interrupted }
        var hands = 0
        while let jobs = await self.backlog.take(limit: self.processor.batch, rest: limit.rest) {
            if let interrupted = try await self.handle(Hand(jobs), within: limit) { return interrupted }
            // A handler need not suspend, and then nothing here does: others want the thread too.
            hands += 1
            if hands.isMultiple(of: 16) { await Task.yield() }
        }
        try Task.checkCancellation()
        return nil
    }

    private func wakeSleepers() async {
        while !self.backlog.state.isFinished, !Task.isCancelled {
            await self.backlog.alarm.wait(until: self.backlog.state.nextDue, on: self.clock)
            self.backlog.wake(now: self.clock.now())
        }
    }

    /// Deliveries that a worker has taken: those whose start is not counted yet, and those that may start.
    private struct Hand: Sendable {
        var uncounted: ArraySlice<Backlog.Job>
        /// Identifies the start that is being counted, so that asking again counts nothing.
        var claim: Identifier?
        var open: ArraySlice<(job: Backlog.Job, attempt: Int)> = []
        /// Whether each is handled by itself, since one of them failed and took the others along.
        var isSplit = false
        /// What has become of the first ones of `open`, which are to be settled.
        var ended: (count: Int, result: ProcessingResult)?
        /// Why the store was away when the time limit passed: the pause has still to be made.
        var away: (any Error)?
        /// Whether one of them came back.
        let hasReturned: Bool

        init(_ jobs: [Backlog.Job]) {
            self.uncounted = jobs[...]
            self.hasReturned = jobs.contains { $0.delivery.returns > 0 }
        }
    }

    /// Why a hand is not empty.
    private enum Stop {
        case none
        case away(any Error)
        case timeLimit
    }

    /// Returns what is left when the time limit has cancelled the task.
    private func handle(_ hand: Hand, within limit: WorkLimit) async throws -> Hand? {
        var hand = hand
        var holding = HoldingPauses(name: self.name, clock: self.clock, status: self.status, logger: self.logger)
        defer { holding.end() }
        if let cause = hand.away {
            hand.away = nil
            guard try await holding.pause(cause) else { return nil }
        }
        // Without counted starts a return counts as one, also while a message only waits for its turn.
        let isQuarantined = self.processor.countsStarts && hand.hasReturned
        while true {
            let stop =
                isQuarantined
                ? try await Quarantine.semaphore.withPermit { try await self.handle(&hand, within: limit) }
                : try await self.handle(&hand, within: limit)
            switch stop {
            case .none: return nil
            case .timeLimit: return hand
            case .away(let cause):
                // A held delivery that the shutdown finds is left unsettled and goes back.
                guard try await holding.pause(cause) else { return nil }
            }
        }
    }

    /// Handles what can be handled now.
    private func handle(_ hand: inout Hand, within limit: WorkLimit) async throws -> Stop {
        try await self.settle(&hand)
        do {
            try await self.count(&hand)
        } catch let away as StoreAway {
            return .away(away.cause)
        }
        while !hand.open.isEmpty {
            let part = hand.isSplit ? hand.open.prefix(1) : hand.open
            let result = try await self.processor.process(part.map(\.job.delivery.message), within: limit)
            switch result {
            case .away(let cause):
                guard limit.hasPassed else { return .away(cause) }
                hand.away = cause
            case .failed where part.count > 1, .poison where part.count > 1: hand.isSplit = true
            default: hand.ended = (part.count, result)
            }
            // What has to be done for a verdict cannot be done in a task that is cancelled.
            if limit.hasPassed { return .timeLimit }
            try await self.settle(&hand)
        }
        return .none
    }

    /// Counts the starts that are about to happen; throws ``StoreAway``.
    private func count(_ hand: inout Hand) async throws {
        while let job = hand.uncounted.first {
            let attempt = try await self.startNumber(of: job, &hand)
            // The last start may have done its work, and only the verdict was lost.
            let isTooMany = attempt > self.limit(of: job)
            let isHandled = isTooMany ? try await self.processor.isHandled(job.delivery.message.id) : false
            hand.uncounted.removeFirst()
            hand.claim = nil
            if isHandled {
                try await self.settle(job, attempt, .done)
            } else if isTooMany {
                let reason = "\(attempt - 1) attempts were started and none of them ended"
                try await self.deadLetter(job, reason, attempts: attempt - 1)
            } else {
                hand.open.append((job, attempt))
            }
        }
    }

    private func settle(_ hand: inout Hand) async throws {
        guard let ended = hand.ended else { return }
        hand.ended = nil
        let jobs = hand.open.prefix(ended.count)
        hand.open.removeFirst(ended.count)
        for (job, attempt) in jobs { try await self.settle(job, attempt, ended.result) }
    }

    /// How many attempts may be started.
    ///
    /// The first return of a message that has not failed yet does not prove a start, so a
    /// policy of one attempt allows a second one then: nothing becomes a dead letter that was perhaps never started.
    private func limit(of job: Backlog.Job) -> Int {
        job.failures.count == 0 ? max(2, self.options.retry.attempts) : self.options.retry.attempts
    }

    /// The number of the start that is about to happen; throws ``StoreAway``.
    private func startNumber(of job: Backlog.Job, _ hand: inout Hand) async throws -> Int {
        let delivery = job.delivery
        // In order, every delivery behind one that kills the process comes back with it, so that returns say only "perhaps started".
        let returns = self.options.ordering == .perKey ? min(1, delivery.returns) : delivery.returns
        let start = Start(
            messageID: delivery.message.id,
            failures: job.failures.count,
            returns: returns,
            redrives: delivery.redrives
        )
        if start.isFirst { return 1 }
        let claim = hand.claim ?? Stamp.next().id
        hand.claim = claim
        return try await self.processor.startNumber(of: start, claim: claim)
    }

    private func settle(_ job: Backlog.Job, _ attempt: Int, _ result: ProcessingResult) async throws {
        switch result {
        case .done:
            self.deliveries.settle(job.delivery.id, .done)
            self.backlog.complete(job)
        case .away:
            break
        case .poison(let reason):
            try await self.deadLetter(job, reason, attempts: attempt)
        case .failed(let error) where attempt >= self.options.retry.attempts:
            try await self.deadLetter(job, "\(type(of: error)): \(error)", attempts: attempt)
        case .failed(let error):
            self.retry(job, after: error, attempts: attempt)
        }
    }

    private func retry(_ job: Backlog.Job, after error: any Error, attempts: Int) {
        let failures = Failures(count: attempts, firstAt: job.failures.firstAt ?? Stamp.next().time)
        let delay = self.options.retry.delay(afterFailures: attempts)
        self.logger.info(
            "Handling an event failed and is tried again",
            error: error,
            metadata: self.metadata(job, attempts)
        )
        if self.options.ordering == .perKey {
            // Moved to a retry queue it would be overtaken: the head keeps its place and its key waits.
            var held = job
            held.failures = failures
            self.backlog.hold(held, until: self.clock.now() + min(delay, RetryPolicy.longestOrderedDelay))
        } else {
            self.deliveries.settle(job.delivery.id, .retry(after: delay, failures))
            self.backlog.complete(job)
        }
    }

    private func deadLetter(_ job: Backlog.Job, _ reason: String, attempts: Int) async throws {
        let failures = Failures(count: attempts, firstAt: job.failures.firstAt ?? Stamp.next().time)
        self.logger.warning("An event became a dead letter", metadata: self.metadata(job, attempts))
        self.deliveries.settle(job.delivery.id, .deadLetter(reason: String(reason.prefix(1000)), failures))
        // Before the dead letter is stored a crash would bring its event back, behind the next one of its key.
        if self.options.ordering == .perKey { try await self.untilStored() }
        self.backlog.complete(job)
    }

    private func untilStored() async throws {
        var backoff = Backoff(first: .milliseconds(50), longest: .seconds(5))
        while true {
            do {
                return try await self.deliveries.flush()
            } catch let error as BusError where error.code == .unavailable {
                try await self.clock.sleep(self.clock.now() + backoff.next())
            }
        }
    }

    private func metadata(_ job: Backlog.Job, _ attempts: Int) -> Logger.Metadata {
        [
            "eventbus.subscription": "\(self.name)",
            "eventbus.topic": "\(job.delivery.message.topic)",
            "eventbus.message.id": "\(job.delivery.message.id)",
            "eventbus.attempts": "\(attempts)",
        ]
    }
}
