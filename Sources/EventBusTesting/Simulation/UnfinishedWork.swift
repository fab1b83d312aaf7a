// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// A simulation waits for something that nothing in it will do.
public struct UnfinishedWork: Error, Sendable, CustomStringConvertible {
    /// One or more pieces of work of one kind in one place.
    public struct Item: Sendable, Hashable, CustomStringConvertible {
        /// Where a piece of work is.
        public enum State: String, Sendable, Hashable {
            /// In a subscription, not delivered.
            case queued
            /// Delivered and not settled.
            case inFlight = "in flight"
            /// Waiting for its next attempt.
            case delayed
            /// Committed and not yet on the bus.
            case outbox = "in the outbox"
            /// Waiting for room in a subscription to publish.
            case publisher = "waiting to be published"
        }

        /// Where it is.
        public let state: State
        /// The subscription or the store.
        public let place: String
        /// The number of pieces.
        public let count: Int
        /// Further details.
        public let detail: String

        /// One line.
        public var description: String {
            "\(self.count) \(self.state.rawValue): \(self.place)\(self.detail.isEmpty ? "" : ", \(self.detail)")"
        }
    }

    /// What is left to do.
    public let items: [Item]
    /// The report.
    public let description: String

    init(_ items: [Item], at time: Duration, _ reason: String) {
        self.items = items
        let lines = ["The simulation is stuck at virtual time \(time): \(reason)"] + items.map { "  \($0)" }
        self.description = lines.joined(separator: "\n")
    }

    static func items(of bus: InMemoryEventBus) -> [Item] {
        bus.report().flatMap { queue in
            [
                Item(
                    state: .queued,
                    place: "\(queue.name)",
                    count: queue.ready.count,
                    detail: queue.consumers.isEmpty ? "no consumer" : "consumers: \(queue.consumers.count)"
                ),
                Item(state: .inFlight, place: "\(queue.name)", count: queue.unsettled.count, detail: ""),
                Item(
                    state: .delayed,
                    place: "\(queue.name)",
                    count: queue.delayed.count,
                    detail: queue.delayed.first.map { "the first is due at \($0)" } ?? ""
                ),
                Item(
                    state: .publisher,
                    place: "\(queue.name)",
                    count: queue.suspendedPublishers,
                    detail: "the subscription is full"
                ),
            ]
            .filter { $0.count > 0 }
        }
    }

    static func items(of foreign: ForeignBacklog) -> [Item] {
        foreign.count == 0 ? [] : [Item(state: .publisher, place: foreign.name, count: foreign.count, detail: "")]
    }

    static func items(of store: InMemoryStore, named name: String) -> [Item] {
        let report = store.outboxReport()
        guard report.rows > 0 else { return [] }
        let detail = report.isOwned ? "a relay owns the outbox" : "no relay owns the outbox"
        return [Item(state: .outbox, place: "store \(name)", count: report.rows, detail: detail)]
    }
}
