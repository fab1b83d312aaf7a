// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// What was observed of one action, as lines to compare and to print.
struct Seen: Sendable {
    struct Arrival: Sendable {
        let consumer: Int
        let label: String
        let returns: Int
        let text: String
    }

    var lines: [String] = []
    /// The deliveries that arrived, in order per consumer.
    var arrivals: [Arrival] = []
    /// Why it is pointless to continue.
    var obstacle: String?

    /// All of it, however the deliveries were split into batches.
    var text: [String] {
        let received = Dictionary(grouping: self.arrivals, by: \.consumer).sorted { $0.key < $1.key }
            .map { "consumer \($0.key): \($0.value.map(\.text).joined(separator: ", "))" }
        return self.lines + received + (self.obstacle.map { [$0] } ?? [])
    }
}

/// What was done to a bus and observed, also for a run that got stuck halfway.
final class Trace: Sendable {
    private let state = Mutex<(actions: [Action], seen: [Seen])>(([], []))

    var actions: [Action] { self.state.withLock { $0.actions } }
    /// One for each action, except for a last one that has not ended.
    var seen: [Seen] { self.state.withLock { $0.seen } }

    func begin(_ action: Action) { self.state.withLock { $0.actions.append(action) } }
    func end(_ seen: Seen) { self.state.withLock { $0.seen.append(seen) } }
}
