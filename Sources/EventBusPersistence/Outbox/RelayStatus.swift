// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// Where a relay stands, for its shutdown and for its health report.
final class RelayStatus: Sendable {
    private struct State: Sendable {
        var isOwner = false
        var isShuttingDown = false
        var storeProblem: (text: String, at: Duration)?
        var busProblem: String?
        var unroutable: [Topic] = []
        var refusedRows = 0
    }

    private let state = Mutex(State())

    /// Wakes a relay that sleeps, at shutdown.
    let sleeper = Signal()

    var isShuttingDown: Bool { self.state.withLock { $0.isShuttingDown } }

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
            // What it knew as the owner is the next owner's business.
            state.busProblem = nil
            state.unroutable = []
            state.refusedRows = 0
        }
    }

    func report(_ holds: RelayHolds) {
        self.state.withLock { state in
            state.busProblem = holds.outageReason
            state.unroutable = holds.unroutableTopics
            state.refusedRows = holds.refusedRows
        }
    }

    /// An owner finishes its batch; a relay that stands by has nothing to finish.
    func shutDown() -> ShutdownResponse {
        let isOwner = self.state.withLock { state in
            state.isShuttingDown = true
            return state.isOwner
        }
        self.sleeper.raise()
        return isOwner ? .drains : .cancel
    }

    func health(now: Duration) -> Health {
        let state = self.state.withLock { $0 }
        var health = Health()
        // An outage is met again every few seconds. A relay that stands by meets none, and then this is over.
        if let problem = state.storeProblem, now - problem.at < .seconds(30) {
            health.notes.append("the outbox cannot be read: \(problem.text)")
        }
        if let problem = state.busProblem { health.notes.append("events wait for the bus: \(problem)") }
        for topic in state.unroutable { health.notes.append("events of topic \(topic) wait for a subscriber") }
        if state.refusedRows > 0 {
            health.notes.append("\(state.refusedRows) events were refused by the bus and are tried again")
        }
        return health
    }
}
