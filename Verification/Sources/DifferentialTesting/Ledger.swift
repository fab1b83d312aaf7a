// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What a program has left in one subscription, as far as it matters for the next steps.
///
/// It decides which steps have only one possible outcome, whatever a broker is free to do, but never what the outcome is.
struct Ledger {
    let ordering: Ordering
    var isDeclared = false
    var patterns: [TopicPattern] = []
    /// The open consumers, in the order in which they were opened, with their prefetch.
    var open: [(consumer: Int, prefetch: Int)] = []
    var lastPrefetch = 0
    /// Messages that no consumer holds, in order.
    var waiting: [String] = []
    /// Which consumer holds which message.
    var out: [(label: String, consumer: Int)] = []
    var delayed: Set<String> = []
    var dead: [String] = []
    /// Messages that have returned and are not settled yet.
    var returned: Set<String> = []

    /// The maximum number of unsettled deliveries.
    var room: Int {
        self.ordering == .perKey ? self.open.first?.prefetch ?? 0 : self.open.reduce(0) { $0 + $1.prefetch }
    }

    var isCompeting: Bool { self.open.count > 1 && self.ordering == .none }

    var live: Int { self.waiting.count + self.out.count + self.delayed.count }

    /// Whether the outcome of ending a consumer is determined.
    ///
    /// In an unordered subscription, returned messages stand in front of the others. How many of those a broker has already
    /// pushed to a consumer is up to the broker, and determines which ones return with them.
    var canEnd: Bool {
        self.ordering == .perKey || self.returned.isEmpty
            || (self.waiting + self.out.map(\.label)).allSatisfy(self.returned.contains)
    }

    /// Whether delayed retries are delivered as soon as they are due.
    var canWait: Bool {
        !self.delayed.isEmpty && self.waiting.isEmpty && self.room - self.out.count >= self.delayed.count
            && (self.ordering == .perKey || self.returned.isEmpty)
    }

    mutating func arrived(_ arrivals: [Seen.Arrival]) {
        for arrival in arrivals {
            if let index = self.waiting.firstIndex(of: arrival.label) { self.waiting.remove(at: index) }
            self.delayed.remove(arrival.label)
            self.out.append((arrival.label, arrival.consumer))
        }
    }

    mutating func settled(_ label: String, _ fate: PlannedMessage.Fate) {
        self.out.removeAll { $0.label == label }
        self.returned.remove(label)
        switch fate {
        case .done: break
        case .dead: self.dead.append(label)
        case .retry: self.delayed.insert(label)
        }
    }

    mutating func drained() {
        self.waiting = []
        self.out = []
        self.delayed = []
        self.returned = []
    }

    mutating func ended(_ consumer: Int) {
        guard let index = self.open.firstIndex(where: { $0.consumer == consumer }) else { return }
        let isActive = self.ordering == .none || index == 0
        let prefetch = self.open.remove(at: index).prefetch
        guard isActive else { return }
        let held = self.out.filter { $0.consumer == consumer }.map(\.label)
        self.out.removeAll { $0.consumer == consumer }
        // Messages on their way to the consumer return too.
        let pushed = self.waiting.prefix(max(0, prefetch - held.count))
        self.returned.formUnion(held)
        self.returned.formUnion(pushed)
        self.waiting = held + self.waiting
    }
}
