// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// The deliveries that a consumer holds, and which of them may start now: a pure state machine.
struct BacklogState: Sendable {
    /// A delivery with what has happened to it in this scope.
    struct Job: Sendable {
        let delivery: Delivery
        /// The failures so far, including those of this scope.
        let failures: Failures

        func failed(_ failures: Failures) -> Job { Job(delivery: self.delivery, failures: failures) }
    }

    private enum Key: Hashable, Sendable {
        case shared(String)
        case own(Delivery.ID)
    }

    /// What waits of one scope.
    private struct Line {
        var count = 0
        var bytes = 0
        /// The key of the first event.
        var key: String?
        /// Whether all events wait for another attempt or behind one that does.
        var isAsleep = true
    }

    let ordering: Ordering
    private var waiting: Deque<Job> = []
    private(set) var isFinished = false

    // Only for an ordered subscription:
    private var busy: Set<Key> = []
    private var asleep: [Key: Duration] = [:]
    /// Whether a delivery that came back is being handled, and nothing else may be.
    private var isQuarantining = false

    init(ordering: Ordering) {
        self.ordering = ordering
    }

    /// How many deliveries have not been started or wait for another attempt.
    var count: Int { self.waiting.count }

    /// Whether what waits behind a sleeping key leaves no room for further deliveries of its scope, and that key if it has a name.
    ///
    /// The scopes are those of the shards; a subscription without shards has one. One with an event of another key goes on working.
    ///
    /// - Parameters:
    ///   - prefetch: how many deliveries of a scope can be unsettled.
    ///   - bytes: how many bytes their bodies may have.
    func stall(prefetch: Int, bytes: Int) -> (isThere: Bool, key: String?) {
        guard self.isAsleep else { return (false, nil) }
        var lines: [UInt64: Line] = [:]
        for job in self.waiting {
            let key = BacklogState.key(of: job)
            var line = lines[job.delivery.id.generation] ?? Line()
            line.count += 1
            line.bytes += job.delivery.message.body.count
            if self.asleep[key] == nil { line.isAsleep = false }
            if line.count == 1 { line.key = job.delivery.message.orderingKey }
            lines[job.delivery.id.generation] = line
        }
        let stalled = lines.filter { line in
            line.value.isAsleep && (line.value.count >= prefetch || line.value.bytes >= bytes)
        }
        return (!stalled.isEmpty, stalled.min { $0.key < $1.key }?.value.key)
    }

    /// When the next sleeping key is due.
    var nextDue: Duration? { self.asleep.values.min() }

    /// Whether something waits for another attempt.
    var isAsleep: Bool { !self.asleep.isEmpty }

    /// Adds deliveries; returns those that are not wanted any more.
    @discardableResult
    mutating func add(_ deliveries: [Delivery]) -> [Delivery.ID] {
        guard !self.isFinished else { return deliveries.map(\.id) }
        self.waiting.append(contentsOf: deliveries.map { Job(delivery: $0, failures: $0.failures) })
        return []
    }

    /// Ends the backlog: nothing more is started.
    ///
    /// - Returns: what was not started.
    @discardableResult
    mutating func finish() -> [Delivery.ID] {
        self.isFinished = true
        defer { self.waiting = [] }
        return self.waiting.map(\.delivery.id)
    }

    /// Takes up to `limit` jobs that may start now.
    mutating func take(limit: Int) -> [Job] {
        guard self.ordering == .perKey else {
            let jobs = Array(self.waiting.prefix(limit))
            self.waiting.removeFirst(jobs.count)
            return jobs
        }
        // A message that came back twice may have crashed a process: nothing else runs until it is settled.
        guard !self.isQuarantining else { return [] }
        let hasSuspect = self.waiting.contains { job in
            job.delivery.isSuspect && self.asleep[BacklogState.key(of: job)] == nil
        }
        if hasSuspect, !self.busy.isEmpty { return [] }
        var taken: [Int] = []
        for (index, job) in self.waiting.enumerated() {
            let key = BacklogState.key(of: job)
            guard !self.busy.contains(key), self.asleep[key] == nil else { continue }
            self.busy.insert(key)
            taken.append(index)
            if taken.count == (hasSuspect ? 1 : limit) { break }
        }
        let jobs = taken.map { self.waiting[$0] }
        for index in taken.reversed() { self.waiting.remove(at: index) }
        self.isQuarantining = jobs.contains { $0.delivery.isSuspect }
        return jobs
    }

    /// A job has been settled: the next of its key may start.
    mutating func complete(_ job: Job) {
        guard self.ordering == .perKey else { return }
        self.release(BacklogState.key(of: job))
    }

    /// A job of an ordered subscription failed: it keeps its place, and its key sleeps until `due`.
    ///
    /// - Returns: the delivery if it is not wanted any more.
    @discardableResult
    mutating func hold(_ job: Job, until due: Duration) -> [Delivery.ID] {
        let key = BacklogState.key(of: job)
        self.release(key)
        guard !self.isFinished else { return [job.delivery.id] }
        self.asleep[key] = due
        let place = self.waiting.firstIndex { $0.delivery.id.tag > job.delivery.id.tag } ?? self.waiting.endIndex
        self.waiting.insert(job, at: place)
        return []
    }

    /// Wakes the keys that are due.
    mutating func wake(now: Duration) {
        self.asleep = self.asleep.filter { $0.value > now }
    }

    /// Frees the key of a job that has ended; one in quarantine was the only job of all.
    private mutating func release(_ key: Key) {
        self.busy.remove(key)
        if self.busy.isEmpty { self.isQuarantining = false }
    }

    private static func key(of job: Job) -> Key {
        job.delivery.message.orderingKey.map(Key.shared) ?? .own(job.delivery.id)
    }
}
