// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Deliveries that one worker has taken together, and what is to be done with them next: a pure state machine.
///
/// Each delivery is counted, handled and settled. ``next(_:)`` says what to do; the method named there takes the result.
struct InFlightBatch: Sendable {
    /// What is to be done next.
    enum Action: Sendable {
        /// Ask the store for the number of an attempt and report it with ``counted(_:)``. The same claim counts only once.
        case count(Attempt, claim: Identifier)
        /// Ask whether the message was handled by an attempt whose verdict was lost; report it with ``answered(isHandled:)``.
        case lookUp(EventIdentity)
        /// Handle the messages together and report the result with ``processed(_:)``.
        case process([Message])
        /// Carry out a decision about a delivery. Nothing is to be reported.
        case settle(Job, Decision)
        /// Nothing is left.
        case finish
    }

    /// What becomes of a delivery.
    enum Decision: Sendable {
        case done
        /// Deliver it again after a delay.
        case retry(after: Duration, Failures, any Error)
        /// Keep it, so that nothing with its key overtakes it, and handle it again after a delay.
        case hold(for: Duration, Failures, any Error)
        case deadLetter(reason: String, Failures)
    }

    typealias Job = BacklogState.Job

    private struct Started: Sendable {
        let job: Job
        let attempt: Int
    }

    private let retry: RetryPolicy
    private let ordering: Ordering
    /// Deliveries whose attempt has no number yet.
    private var uncounted: ArraySlice<Job>
    /// Identifies the attempt that is being counted.
    private var claim: Identifier?
    /// The number of an attempt that is one too many, unless an earlier one has handled the message.
    private var excess: Int?
    /// Deliveries that are to be handled.
    private var started: ArraySlice<Started> = []
    /// Whether each delivery is handled by itself, since one of a group has failed and undone the others' work.
    private var isSplit = false
    /// Deliveries whose fate is known.
    private var ended: ArraySlice<(Started, ProcessingResult)> = []

    /// Why the store could not be reached; the same step is to be repeated after a pause.
    private(set) var outage: (any Error)?
    /// Whether a delivery has come back without a verdict.
    let hasReturned: Bool

    init(_ jobs: [Job], retry: RetryPolicy, ordering: Ordering) {
        self.uncounted = jobs[...]
        self.hasReturned = jobs.contains { $0.delivery.returns > 0 }
        self.retry = retry
        self.ordering = ordering
    }

    /// What to do next.
    ///
    /// - Parameter stamp: makes ids of claims and times of first failures.
    mutating func next(_ stamp: () -> Stamp) -> Action {
        if let (start, result) = self.ended.popFirst() {
            return .settle(start.job, self.decision(on: start, result, stamp))
        }
        while let job = self.uncounted.first {
            if self.excess != nil { return .lookUp(job.delivery.message.identity) }
            let attempt = self.attempt(of: job)
            if !attempt.isFirst {
                let claim = self.claim ?? stamp().id
                self.claim = claim
                return .count(attempt, claim: claim)
            }
            self.start(1)
        }
        if self.started.isEmpty { return .finish }
        return .process(self.group.map(\.job.delivery.message))
    }

    /// The attempt of the first uncounted delivery has a number.
    mutating func counted(_ number: Int) {
        guard let job = self.uncounted.first else { return }
        if number > self.limit(of: job) { self.excess = number } else { self.start(number) }
    }

    /// Whether the message that has used up its attempts has been handled is known.
    mutating func answered(isHandled: Bool) {
        guard let number = self.excess, let job = self.uncounted.popFirst() else { return }
        (self.excess, self.claim) = (nil, nil)
        let reason = "\(number - 1) attempts were started and none of them ended"
        self.ended.append((Started(job: job, attempt: number - 1), isHandled ? .done : .poison(reason: reason)))
    }

    /// The group of messages that was to be handled has a result.
    mutating func processed(_ result: ProcessingResult) {
        let group = self.group
        switch result {
        case .storeUnavailable(let cause):
            self.outage = cause
        case .failed where group.count > 1, .poison where group.count > 1:
            self.isSplit = true
        default:
            self.started.removeFirst(group.count)
            for start in group { self.ended.append((start, result)) }
        }
    }

    /// The store could not be reached while an attempt was being counted or its message looked up.
    mutating func storeUnavailable(_ cause: any Error) {
        self.outage = cause
        // Counting is repeated as a whole: the claim makes it count once.
        self.excess = nil
    }

    /// The pause after an outage is over.
    mutating func resume() {
        self.outage = nil
    }

    private var group: ArraySlice<Started> { self.isSplit ? self.started.prefix(1) : self.started }

    private mutating func start(_ number: Int) {
        guard let job = self.uncounted.popFirst() else { return }
        self.claim = nil
        self.started.append(Started(job: job, attempt: number))
    }

    private func attempt(of job: Job) -> Attempt {
        let delivery = job.delivery
        return Attempt(
            event: delivery.message.identity,
            failures: job.failures.count,
            // On an ordered queue all prefetched messages return together after a crash, so a return does not prove that
            // the message was started.
            returns: self.ordering == .perKey ? min(1, delivery.returns) : delivery.returns,
            redrives: delivery.redrives
        )
    }

    /// How many attempts may be started.
    ///
    /// The first return of a message that has not failed yet does not prove that it was started. With a policy of one attempt a
    /// second one is allowed then, so that no message becomes a dead letter without having been started.
    private func limit(of job: Job) -> Int {
        job.failures.count == 0 ? max(2, self.retry.attempts) : self.retry.attempts
    }

    private func decision(on start: Started, _ result: ProcessingResult, _ stamp: () -> Stamp) -> Decision {
        let attempt = start.attempt
        func failures() -> Failures {
            Failures(count: attempt, firstAt: start.job.failures.firstAt ?? stamp().time)
        }
        switch result {
        case .poison(let reason):
            return .deadLetter(reason: String(reason.prefix(1000)), failures())
        case .failed(let error) where attempt >= self.retry.attempts:
            return .deadLetter(reason: String("\(type(of: error)): \(error)".prefix(1000)), failures())
        case .failed(let error):
            let delay = self.retry.delay(afterFailures: attempt)
            // In a retry queue it would be overtaken by the next message of its key.
            return self.ordering == .perKey
                ? .hold(for: min(delay, RetryPolicy.longestOrderedDelay), failures(), error)
                : .retry(after: delay, failures(), error)
        case .done, .storeUnavailable:
            return .done
        }
    }
}
