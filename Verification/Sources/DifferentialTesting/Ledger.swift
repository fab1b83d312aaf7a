// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What a program has left in one subscription, as far as it matters for the next steps.
///
/// It decides which steps have only one possible outcome, whatever a broker is free to do, but never what the outcome is.
struct Ledger {
    let ordering: Ordering
    var isDeclared = false
    /// The patterns as the program writes them.
    var patterns: [String] = []
    /// The open consumers, in the order in which they were opened, with their prefetch.
    var open: [(consumer: Int, prefetch: Int)] = []
    var lastPrefetch = 0
    /// Messages that no consumer holds, in order.
    var waiting: [String] = []
    /// Which consumer holds which message.
    var out: [(label: String, consumer: Int)] = []
    var delayed: Set<String> = []
    var dead: [String] = []
    /// Whether a verdict has made room since the last taking, so that messages may be on their way to a consumer.
    var isRefilling = false
    /// How often messages that are not settled yet have returned; only those that have.
    var returns: [String: Int] = [:]

    var returned: Set<String> { Set(self.returns.keys) }

    /// Messages that an unordered subscription hands out alone.
    var suspects: Set<String> {
        Set(self.returns.filter { $0.value >= Differential.suspiciousReturns }.keys)
    }

    /// All messages of the subscription.
    var labels: Set<String> {
        self.delayed.union(self.waiting).union(self.out.map(\.label)).union(self.dead)
    }

    /// The maximum number of unsettled deliveries.
    var room: Int {
        self.ordering == .perKey ? self.open.first?.prefetch ?? 0 : self.open.reduce(0) { $0 + $1.prefetch }
    }

    var isCompeting: Bool { self.open.count > 1 && self.ordering == .none }

    var live: Int { self.waiting.count + self.out.count + self.delayed.count }

    /// Whether the outcome of ending a consumer is determined.
    ///
    /// In an unordered subscription, messages that are handed out alone stand in front of the others. How many of those a broker
    /// has already pushed to a consumer is up to the broker, and determines which ones return with them.
    var canEnd: Bool {
        self.ordering == .perKey || self.suspects.isEmpty
            || (self.waiting + self.out.map(\.label)).allSatisfy(self.suspects.contains)
    }

    /// Whether delayed retries are delivered as soon as they are due.
    var canWait: Bool {
        !self.delayed.isEmpty && self.waiting.isEmpty && self.room - self.out.count >= self.delayed.count
            && (self.ordering == .perKey || self.suspects.isEmpty)
    }

    mutating func arrived(_ arrivals: [Seen.Arrival]) {
        for arrival in arrivals {
            if let index = self.waiting.firstIndex(of: arrival.label) { self.waiting.remove(at: index) }
            self.delayed.remove(arrival.label)
            self.returns[arrival.label] = arrival.returns > 0 ? arrival.returns : nil
            self.out.append((arrival.label, arrival.consumer))
        }
    }

    mutating func settled(_ label: String, _ fate: PlannedMessage.Fate) {
        self.isRefilling = true
        self.out.removeAll { $0.label == label }
        self.returns[label] = nil
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
        self.returns = [:]
    }

    /// Messages are at the back of the queue again.
    mutating func gaveBack(_ labels: [String]) {
        guard self.ordering == .none else { return }
        self.isRefilling = true
        self.out.removeAll { labels.contains($0.label) }
        self.waiting += labels
    }

    /// Everything that waited is in another subscription now.
    mutating func moved(to other: inout Ledger) {
        other.waiting += self.waiting + self.delayed.sorted()
        // Of the returns to an ordered subscription one goes along.
        other.returns.merge(self.ordering == .perKey ? self.returns.mapValues { min(1, $0) } : self.returns) { $1 }
        other.dead += self.dead
        (self.waiting, self.delayed, self.returns, self.dead) = ([], [], [:], [])
    }

    /// A consumer of an unordered subscription is stopped: what it has not taken goes to the back of the queue.
    mutating func stopped(_ consumer: Int) {
        guard self.ordering == .none, let prefetch = self.open.first(where: { $0.consumer == consumer })?.prefetch
        else {
            return
        }
        let pushed = self.waiting.prefix(max(0, prefetch - self.out.count { $0.consumer == consumer }))
        self.waiting = Array(self.waiting.dropFirst(pushed.count) + pushed)
    }

    mutating func ended(_ consumer: Int, _ how: ProgramStep.How) {
        guard let index = self.open.firstIndex(where: { $0.consumer == consumer }) else { return }
        let isActive = self.ordering == .none || index == 0
        let prefetch = self.open.remove(at: index).prefetch
        guard isActive else { return }
        let held = self.out.filter { $0.consumer == consumer }.map(\.label)
        self.out.removeAll { $0.consumer == consumer }
        guard self.ordering == .perKey || how != .graceful else {
            self.waiting += held
            return
        }
        // Messages on their way to the consumer return too, unless it has given them back.
        let hasStopped = self.ordering == .none && how == .stopping
        let pushed = hasStopped ? [] : self.waiting.prefix(max(0, prefetch - held.count))
        for label in held + pushed { self.returns[label, default: 0] += 1 }
        self.waiting = held + self.waiting
    }
}
