// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging

/// Drives one open subscription: deliveries are pulled into the backlog, workers take them and do what ``InFlightBatch`` decides.
struct ConsumerScope: Sendable {
    let name: SubscriptionName
    let deliveries: any Deliveries
    let backlog: Backlog
    let processor: any DeliveryProcessor
    let options: ConsumerOptions
    let clock: RelativeClock
    /// The time limit of each worker.
    let limits: [WorkLimit]
    let status: ConsumerStatus
    let logger: Logger

    /// Runs until the deliveries end and all that was started is settled.
    ///
    /// When it throws, running handlers have been cancelled and have ended. What is unsettled goes back when the subscription's
    /// scope ends.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for limit in self.limits {
                group.addTask { try await self.work(within: limit) }
            }
            if self.options.ordering == .perKey {
                group.addTask { await self.wakeSleepers() }
            }
            if let executor = self.deliveries.executor {
                // Pull where the deliveries come from, so that none wakes a thread before a worker gets it.
                group.addTask(executorPreference: executor) { try await self.pull() }
            } else {
                // A preference of `nil` would take the task away from its parent's executor.
                group.addTask { try await self.pull() }
            }
            // `waitForAll` would wait for workers even after `pull` has failed, and no delivery would ever reach them.
            while try await group.next() != nil {}
        }
        try await self.deliveries.flush()
    }

    private func pull() async throws {
        while let deliveries = try await self.deliveries.next() { self.giveBack(self.backlog.add(deliveries)) }
        self.giveBack(self.backlog.finish())
    }

    private func giveBack(_ deliveries: [Delivery.ID]) {
        if !deliveries.isEmpty { self.deliveries.giveBack(deliveries) }
    }

    private func wakeSleepers() async {
        while !self.backlog.state.isFinished, !Task.isCancelled {
            await self.backlog.alarm.wait(until: self.backlog.state.nextDue, on: self.clock)
            self.backlog.wake(now: self.clock.now())
        }
    }

    /// Handles deliveries until no more can come.
    private func work(within limit: WorkLimit) async throws {
        var interrupted: InFlightBatch?
        repeat {
            let batch = interrupted
            interrupted = try await limit.supervise { try await self.work(on: batch, within: limit) }
            try Task.checkCancellation()
        } while interrupted != nil
    }

    /// Returns the batch that is unfinished when the time limit has cancelled the task.
    private func work(on batch: InFlightBatch?, within limit: WorkLimit) async throws -> InFlightBatch? {
        if let batch, let interrupted = try await self.handle(batch, within: limit) { return interrupted }
        var batches = 0
        while let jobs = await self.backlog.take(limit: self.processor.batch, rest: limit.rest) {
            self.status.took(jobs.count)
            let batch = InFlightBatch(
                jobs,
                options: self.options,
                countsAttempts: self.processor.countsAttempts,
                misfit: self.processor.misfit
            )
            if let interrupted = try await self.handle(batch, within: limit) { return interrupted }
            // If no handler suspends, this loop never does: leave the thread to others now and then.
            batches += 1
            if batches.isMultiple(of: 16) { await Task.yield() }
        }
        try Task.checkCancellation()
        return nil
    }

    /// Returns the batch when the time limit has cancelled the task before the batch is finished.
    private func handle(_ batch: InFlightBatch, within limit: WorkLimit) async throws -> InFlightBatch? {
        var batch = batch
        var outage = StoreOutage(name: self.name, clock: self.clock, status: self.status, logger: self.logger)
        defer { outage.end() }
        // Without counted attempts every return counts as one, even if the message has only waited for its turn.
        let isQuarantined = self.processor.countsAttempts && batch.isSuspect
        while true {
            if let trouble = batch.trouble {
                batch.resume()
                guard try await outage.pause(trouble) else {
                    // A restart during an outage must not make suspects of what is held.
                    self.giveBack(batch.unfinished)
                    return nil
                }
            }
            let isFinished =
                isQuarantined
                ? try await Quarantine.semaphore.withPermit { try await self.advance(&batch, within: limit) }
                : try await self.advance(&batch, within: limit)
            if isFinished { return nil }
            if limit.hasPassed { return batch }
        }
    }

    /// Does what can be done now; returns whether the batch is finished.
    private func advance(_ batch: inout InFlightBatch, within limit: WorkLimit) async throws -> Bool {
        // It may have waited for its turn since it was taken.
        if !batch.hasBegun, self.status.isShuttingDown {
            self.giveBack(batch.untouched)
            return true
        }
        while batch.trouble == nil {
            do {
                switch batch.next(Stamp.next) {
                case .count(let attempt, let claim):
                    batch.counted(try await self.processor.number(of: attempt, claim: claim))
                case .lookUp(let event):
                    batch.answered(isHandled: try await self.processor.isHandled(event))
                case .process(let messages):
                    let result = try await self.processor.process(messages, within: limit)
                    if case .done = result { self.status.handled(messages.count) }
                    batch.processed(result, self.moment)
                    // A verdict may need steps that a cancelled task cannot take.
                    if limit.hasPassed { return false }
                case .settle(let job, let decision):
                    try await self.settle(job, decision)
                case .finish:
                    return true
                }
            } catch let trouble as StoreTrouble {
                batch.troubled(trouble, self.moment)
            }
        }
        return false
    }

    private var moment: StorePatience.Moment {
        StorePatience.Moment(now: self.clock.now(), handled: self.status.handledCount)
    }

    private func settle(_ job: InFlightBatch.Job, _ decision: InFlightBatch.Decision) async throws {
        let id = job.delivery.id
        self.status.settled()
        switch decision {
        case .done:
            self.deliveries.settle(id, .done)
        case .retry(let delay, let failures):
            self.logRetry(of: job, failures)
            self.deliveries.settle(id, .retry(after: delay, failures))
        case .hold(let delay, let failures):
            self.logRetry(of: job, failures)
            self.giveBack(self.backlog.hold(job.failed(failures), until: self.clock.now() + delay))
            return
        case .deadLetter(let reason, let failures):
            self.logger.warning("An event became a dead letter", metadata: self.metadata(job, failures))
            self.deliveries.settle(id, .deadLetter(reason: reason, failures))
            // If the process crashed before the dead letter is stored, its event would come back behind the next one of its key.
            if self.options.ordering == .perKey { try await self.untilStored() }
        }
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

    private func logRetry(of job: InFlightBatch.Job, _ failures: Failures) {
        self.logger.info("An event could not be handled; it will be retried", metadata: self.metadata(job, failures))
    }

    private func metadata(_ job: InFlightBatch.Job, _ failures: Failures) -> Logger.Metadata {
        [
            LogKey.subscription: "\(self.name)",
            LogKey.topic: "\(job.delivery.message.topic)",
            LogKey.messageID: "\(job.delivery.message.id)",
            LogKey.attempts: "\(failures.count)",
            LogKey.reason: "\(failures.lastReason ?? "")",
        ]
    }
}
