// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The status of a relay, for its shutdown and its health report.
final class RelayStatus: Sendable {
    private struct State: Sendable {
        var hasStarted = false
        var hasEnded = false
        var isOwner = false
        var isShuttingDown = false
        var storeProblem: (text: String, at: Duration)?
        var busProblem: String?
        var unroutable: [RelayHolds.Unroutable] = []
        var refusedRows = 0
        var unreadable: [OutboxRow.ID: String] = [:]
        /// The batch that the bus has not answered yet.
        var publishing: (count: Int, since: Duration)?
        /// Since when nothing has been confirmed although the bus was asked to.
        var fruitlessSince: Duration?
        /// The time of the oldest event, and since when it has been the oldest.
        var oldest: (time: Date, since: Duration)?
    }

    private let state = Mutex(State())

    /// Wakes a sleeping relay at shutdown.
    let sleeper = Signal()

    var isShuttingDown: Bool { self.state.withLock { $0.isShuttingDown } }

    /// Returns false if the relay has been started before.
    func start() -> Bool {
        self.state.withLock { state in
            defer { state.hasStarted = true }
            return !state.hasStarted
        }
    }

    func end() {
        self.state.withLock { state in
            state.hasEnded = true
            state.isOwner = false
        }
    }

    func becameOwner() {
        self.state.withLock { state in
            state.isOwner = true
            state.storeProblem = nil
        }
    }

    func lostStore(_ reason: String, now: Duration) {
        self.state.withLock { state in
            state.isOwner = false
            state.storeProblem = (reason, now)
            // The next owner reports these.
            state.busProblem = nil
            state.unroutable = []
            state.refusedRows = 0
            state.unreadable = [:]
            state.publishing = nil
            state.fruitlessSince = nil
        }
    }

    func willPublish(_ count: Int, now: Duration) {
        self.state.withLock { state in
            state.publishing = (count, now)
            state.fruitlessSince = state.fruitlessSince ?? now
        }
    }

    func report(_ holds: RelayHolds, confirmed: Int, now: Duration) {
        self.state.withLock { state in
            state.publishing = nil
            state.busProblem = holds.outageReason
            state.unroutable = holds.unroutable
            state.refusedRows = holds.refusedRows
            // Waiting for a subscriber is nobody's failure, and a single event that is refused is its own.
            if confirmed > 0 || holds.outageReason == nil && holds.refusedRows <= 1 { state.fruitlessSince = nil }
        }
    }

    func report(unreadable: [OutboxRow.ID: String]) { self.state.withLock { $0.unreadable = unreadable } }

    /// The owner finishes its batch; a relay that stands by has nothing to finish.
    func shutDown(on clock: RelativeClock) -> ShutdownResponse {
        let isOwner = self.state.withLock { state in
            state.isShuttingDown = true
            return state.isOwner
        }
        self.sleeper.raise()
        // A bus that was not started, or that is stuck, never answers.
        return isOwner ? .drainsWithin(.seconds(10), clock) : .cancel
    }

    /// - Parameters:
    ///   - oldest: the time of the oldest waiting event, if there is one and the store has answered.
    ///   - today: the time of day.
    ///   - now: the relay's clock.
    func health(oldest: Date?, today: Date, now: Duration) -> Health {
        let state = self.state.withLock { state in
            if let oldest, oldest == state.oldest?.time {
            } else {
                state.oldest = oldest.map { ($0, now) }
            }
            return state
        }
        var health = Health()
        if !state.hasStarted || state.hasEnded {
            let age = state.oldest.map { ", and the oldest event is \(RelayStatus.age($0.time, today)) old" } ?? ""
            health.problems.append("the outbox relay \(state.hasStarted ? "has ended" : "has not been started")\(age)")
            return health
        }
        if let oldest = state.oldest, !state.isOwner, now - oldest.since >= RelayStatus.patienceWithOwner {
            let age = RelayStatus.age(oldest.time, today)
            health.notes.append(
                "this relay stands by, and the oldest event, \(age) old, has not been published for \(now - oldest.since)"
            )
        }
        if let publishing = state.publishing, now - publishing.since >= RelayStatus.patience {
            health.problems.append(
                "the bus has not answered for \(now - publishing.since) to the publishing of \(publishing.count) events"
            )
        } else if let since = state.fruitlessSince, now - since >= RelayStatus.patience, state.busProblem == nil {
            health.problems.append("the bus has confirmed no event for \(now - since)")
        }
        // During an outage the relay fails every few seconds and refreshes the problem. A relay that stands by again
        // does not report success, so an old problem is considered solved.
        if let problem = state.storeProblem, now - problem.at < .seconds(30) {
            health.notes.append("the outbox cannot be read: \(problem.text)")
        }
        if let problem = state.busProblem {
            let age = state.oldest.map { "; the oldest is \(RelayStatus.age($0.time, today)) old" } ?? ""
            health.notes.append("events wait for the bus: \(problem)\(age)")
        }
        for waiting in state.unroutable { health.notes.append(RelayStatus.text(waiting)) }
        if state.refusedRows > 0 {
            health.notes.append("events refused by the bus, to be retried: \(state.refusedRows)")
        }
        for (id, problem) in state.unreadable.sorted(by: { $0.key < $1.key }).prefix(RelayStatus.namedRows) {
            health.notes.append(
                "row \(id) of the outbox cannot be read: \(problem). It stays there, and later events of its ordering key wait behind it"
            )
        }
        if state.unreadable.count > RelayStatus.namedRows {
            health.notes.append("rows of the outbox that cannot be read: \(state.unreadable.count)")
        }
        return health
    }

    /// How many rows that cannot be read are named.
    private static let namedRows = 3

    /// How long something may last before it is a problem.
    private static let patience = Duration.seconds(60)

    /// How long the oldest event may stay the same before a relay that stands by says so; an owner that is frozen has lost the outbox then.
    private static let patienceWithOwner = Duration.seconds(15)

    private static func age(_ time: Date, _ today: Date) -> Duration {
        .seconds(max(0, Int(today.timeIntervalSince(time))))
    }

    private static func text(_ waiting: RelayHolds.Unroutable) -> String {
        let text = "events of topic \(waiting.topic) wait for a subscriber"
        guard !waiting.keys.isEmpty else { return text }
        return text + ", and later events of the same ordering keys with them, for example of "
            + waiting.keys.joined(separator: ", ")
    }
}
