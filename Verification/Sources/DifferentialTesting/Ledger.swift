// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What a program has left in one subscription, as far as it matters for what may come next.
///
/// It decides which steps have one outcome only, whatever a broker is free to do; never what the outcome is.
struct Ledger {
    let ordering: Ordering
    var isDeclared = false
    var patterns: [TopicPattern] = []
    /// The consumers that are open, in the order of their opening, with their prefetch.
    var open: [(consumer: Int, prefetch: Int)] = []
    var lastPrefetch = 0
    /// What nobody has been handed, in order.
    var waiting: [String] = []
    /// Who has been handed what.
    var out: [(label: String, consumer: Int)] = []
    var delayed: Set<String> = []
    var dead: [String] = []
    /// What came back and has no verdict yet.
    var returned: Set<String> = []

    /// How many deliveries may be out together.
    var room: Int {
        self.ordering == .perKey ? self.open.first?.prefetch ?? 0 : self.open.reduce(0) { $0 + $1.prefetch }
    }

    var isCompeting: Bool { self.open.count > 1 && self.ordering == .none }

    var live: Int { self.waiting.count + self.out.count + self.delayed.count }

    /// What came back to a subscription without order stands in front of what did not: how far a broker has got with pushing
    /// that to a consumer is its own business, and decides what comes back with it.
    var canEnd: Bool {
        self.ordering == .perKey || self.returned.isEmpty
            || (self.waiting + self.out.map(\.label)).allSatisfy(self.returned.contains)
    }

    /// Whether delayed retries, once they are due, will be handed out at once.
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
        // What was on its way to the consumer comes back too.
        let pushed = self.waiting.prefix(max(0, prefetch - held.count))
        self.returned.formUnion(held)
        self.returned.formUnion(pushed)
        self.waiting = held + self.waiting
    }
}
