// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// The status of a relay, for its shutdown and its health report.
final class RelayStatus: Sendable {
    private struct State: Sendable {
        var hasStarted = false
        var isOwner = false
        var isShuttingDown = false
        var storeProblem: (text: String, at: Duration)?
        var busProblem: String?
        var unroutable: [Topic] = []
        var refusedRows = 0
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
        }
    }

    func report(_ holds: RelayHolds) {
        self.state.withLock { state in
            state.busProblem = holds.outageReason
            state.unroutable = holds.unroutableTopics
            state.refusedRows = holds.refusedRows
        }
    }

    /// The owner finishes its batch; a relay that stands by has nothing to finish.
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
        // During an outage the relay fails every few seconds and refreshes the problem. A relay that stands by again
        // does not report success, so an old problem is considered solved.
        if let problem = state.storeProblem, now - problem.at < .seconds(30) {
            health.notes.append("the outbox cannot be read: \(problem.text)")
        }
        if let problem = state.busProblem { health.notes.append("events wait for the bus: \(problem)") }
        for topic in state.unroutable { health.notes.append("events of topic \(topic) wait for a subscriber") }
        if state.refusedRows > 0 {
            health.notes.append("events refused by the bus, to be retried: \(state.refusedRows)")
        }
        return health
    }
}
