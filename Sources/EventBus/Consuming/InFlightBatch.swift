// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

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
        /// Handle the messages together and report the result with ``processed(_:_:)``.
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
        case retry(after: Duration, Failures)
        /// Keep it, so that nothing with its key overtakes it, and handle it again after a delay.
        case hold(for: Duration, Failures)
        case deadLetter(reason: String, Failures)
    }

    typealias Job = BacklogState.Job

    private struct Started: Sendable {
        let job: Job
        let attempt: Int
    }

    private let options: ConsumerOptions
    private let countsAttempts: Bool
    /// Deliveries whose attempt has no number yet.
    private var uncounted: ArraySlice<Job>
    /// Deliveries that no handler can take, each with the reason.
    private var unhandled: ArraySlice<(Job, Misfit)>
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

    /// Why the store could not do its part; the same step is to be repeated after a pause.
    private(set) var trouble: StoreTrouble?
    private var patience = StorePatience()
    /// Why the attempt in progress has failed, unless the message has been handled all the same.
    private var doubt: (any Error)?
    /// Whether the event that no handler can take, and that would become a dead letter, has been handled.
    private var isUnknownHandled: Bool?
    /// Whether a delivery has come back so often that it may have crashed its process.
    let isSuspect: Bool
    /// Whether something has been asked, handled or settled.
    private(set) var hasBegun = false

    /// - Parameters:
    ///   - jobs: the deliveries.
    ///   - options: of the consumer.
    ///   - countsAttempts: whether each attempt is counted before it starts, and not only by the returns of a message.
    ///   - misfit: why no handler can take a message; `nil` if one can.
    init(
        _ jobs: [Job],
        options: ConsumerOptions,
        countsAttempts: Bool = true,
        misfit: (Message) -> Misfit? = { _ in nil }
    ) {
        self.options = options
        var (known, unhandled): ([Job], [(Job, Misfit)]) = ([], [])
        for job in jobs {
            if let misfit = misfit(job.delivery.message) { unhandled.append((job, misfit)) } else { known.append(job) }
        }
        self.countsAttempts = countsAttempts
        self.uncounted = known[...]
        self.unhandled = unhandled[...]
        self.isSuspect = known.contains { $0.delivery.isSuspect }
    }

    /// The deliveries, while nothing has begun.
    var untouched: [Delivery.ID] {
        self.hasBegun ? [] : (self.uncounted + self.unhandled.map(\.0)).map(\.delivery.id)
    }

    /// The deliveries whose attempt has neither failed nor taken effect, as far as is known, while the store is in trouble.
    ///
    /// One whose last attempt has failed is not among them: it was started, and only its fate is unknown.
    var unfinished: [Delivery.ID] {
        let failed = self.doubt == nil ? 0 : 1
        let jobs = self.unhandled.map(\.0) + self.uncounted + self.started.dropFirst(failed).map(\.job)
        return jobs.map(\.delivery.id)
    }

    /// What to do next.
    ///
    /// - Parameter stamp: makes ids of claims and times of first failures.
    mutating func next(_ stamp: () -> Stamp) -> Action {
        self.hasBegun = true
        if let (job, misfit) = self.unhandled.first {
            let decision = self.decision(on: job, misfit, stamp)
            // A newer version of the program may have handled it, and its verdict was lost.
            if case .deadLetter = decision, self.isUnknownHandled == nil {
                return .lookUp(job.delivery.message.identity)
            }
            defer { self.isUnknownHandled = nil }
            self.unhandled.removeFirst()
            return .settle(job, self.isUnknownHandled == true ? .done : decision)
        }
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
        guard let start = self.started.first else { return .finish }
        if self.doubt != nil { return .lookUp(start.job.delivery.message.identity) }
        return .process(self.group.map(\.job.delivery.message))
    }

    /// The attempt of the first uncounted delivery has a number.
    mutating func counted(_ number: Int) {
        guard let job = self.uncounted.first else { return }
        if number > self.limit(of: job) { self.excess = number } else { self.start(number) }
    }

    /// Whether a message has been handled is known: one that has used up its attempts, or whose commit is in doubt.
    mutating func answered(isHandled: Bool) {
        guard self.unhandled.isEmpty else {
            self.isUnknownHandled = isHandled
            return
        }
        if let cause = self.doubt, let start = self.started.popFirst() {
            self.doubt = nil
            self.ended.append((start, isHandled ? .done : .failed(cause)))
            return
        }
        guard let number = self.excess, let job = self.uncounted.popFirst() else { return }
        (self.excess, self.claim) = (nil, nil)
        let reason = InFlightBatch.reason(after: job.failures, attempts: number - 1)
        self.ended.append((Started(job: job, attempt: number - 1), isHandled ? .done : .poison(reason: reason)))
    }

    /// The group of messages that was to be handled has a result.
    mutating func processed(_ result: ProcessingResult, _ moment: StorePatience.Moment) {
        let group = self.group
        switch result {
        case .troubled(let trouble) where self.patience.isOver(trouble.kind, moment):
            self.patience = StorePatience()
            if group.count > 1 { self.isSplit = true } else { self.doubt = trouble.cause }
        case .troubled(let trouble):
            self.trouble = trouble
        case .failed where group.count > 1, .poison where group.count > 1:
            self.isSplit = true
        case .failed(let error) where self.doubt == nil && self.isLast(group):
            // A copy of the message, or an attempt whose verdict was lost, may have been handled.
            self.doubt = error
        default:
            self.patience = StorePatience()
            self.started.removeFirst(group.count)
            for start in group { self.ended.append((start, result)) }
        }
    }

    /// The store could not count an attempt or look its message up.
    mutating func troubled(_ trouble: StoreTrouble, _ moment: StorePatience.Moment) {
        // Whether an event has been handled cannot be guessed.
        let isCounting = self.unhandled.isEmpty && self.doubt == nil && self.excess == nil
        guard isCounting, let job = self.uncounted.first, self.patience.isOver(trouble.kind, moment) else {
            self.trouble = trouble
            // Counting is repeated as a whole: the claim makes it count once.
            self.excess = nil
            return
        }
        // The store answers others. What the bus knows has to do.
        self.patience = StorePatience()
        self.counted(self.attempt(of: job).numberOnBus)
    }

    /// The pause after a trouble is over.
    mutating func resume() {
        self.trouble = nil
    }

    private func isLast(_ group: ArraySlice<Started>) -> Bool {
        group.allSatisfy { $0.attempt >= self.options.retry.attempts }
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
            returns: delivery.returns,
            redrives: delivery.redrives,
            ordering: self.options.ordering
        )
    }

    /// How many attempts may be started.
    ///
    /// A store counts a start after each of the first two returns, although these do not prove that the message was started before. So
    /// one that has not failed yet is handled alone before it becomes a dead letter, even if the policy allows fewer attempts. The bus
    /// does not count these returns.
    private func limit(of job: Job) -> Int {
        let attempts = self.options.retry.attempts
        guard self.countsAttempts, job.failures.count == 0 else { return attempts }
        return max(Delivery.suspiciousReturns + 1, attempts)
    }

    private func decision(on start: Started, _ result: ProcessingResult, _ stamp: () -> Stamp) -> Decision {
        let attempt = start.attempt
        func failures(_ reason: String) -> Failures {
            Failures(count: attempt, firstAt: start.job.failures.firstAt ?? stamp().time, lastReason: reason)
        }
        switch result {
        case .poison(let reason):
            let reason = String(reason.prefix(1000))
            return .deadLetter(reason: reason, failures(reason))
        case .failed(let error):
            let reason = self.options.errorTexts.text(of: error)
            guard attempt < self.options.retry.attempts else { return .deadLetter(reason: reason, failures(reason)) }
            let delay = self.options.retry.delay(afterFailures: attempt)
            // In a retry queue it would be overtaken by the next message of its key.
            return self.options.ordering == .perKey
                ? .hold(for: min(delay, RetryPolicy.longestOrderedDelay), failures(reason))
                : .retry(after: delay, failures(reason))
        case .done, .troubled:
            return .done
        }
    }

    /// An unknown event uses up no attempt, since nothing is started; its age decides how long it waits.
    private func decision(on job: Job, _ misfit: Misfit, _ stamp: () -> Stamp) -> Decision {
        guard case .unknown(let reason) = misfit, self.options.unknownEvents.choice != .ignore else { return .done }
        let now = stamp().time
        var failures = job.failures
        failures.lastReason = reason
        let first = failures.firstAt ?? now
        failures.firstAt = first
        // The time of the first failure comes from the bus and can be anything.
        let age = Duration.seconds(min(max(now.timeIntervalSince(first), 0), 1e9))
        guard let delay = self.options.unknownEvents.delay(atAge: age, ordering: self.options.ordering) else {
            return .deadLetter(reason: reason, failures)
        }
        return self.options.ordering == .perKey ? .hold(for: delay, failures) : .retry(after: delay, failures)
    }

    /// Why a message has used up its attempts although the last ones left no verdict.
    private static func reason(after failures: Failures, attempts: Int) -> String {
        guard failures.count > 0 else { return "\(attempts) attempts were started and none of them ended" }
        let last = failures.lastReason ?? "\(failures.count) attempts failed"
        return String("\(last); then \(attempts - failures.count) more were started and did not end".prefix(1000))
    }
}
