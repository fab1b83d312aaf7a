// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Which of its shards an instance hands over so that all instances have about as many: a pure decision.
///
/// An instance knows how many instances there are and which shards it has. A broker does not tell which consumer of a queue is the
/// active one, so a shard counts as active here from its first delivery on, or when there is no other instance. Who has more than
/// its share hands over the latest; what comes to somebody who is full as well is handed on, until it comes to one who is not.
package struct ShardBalance: Sendable {
    /// For how many looks a shard stays that could not be handed over, or has come back from it.
    ///
    /// What comes back had nobody else in line for it, perhaps because an instance that is counted is about to end.
    static let looksToRest = 30
    /// How long a shard is held that is to be handed over, at first and at most.
    ///
    /// It doubles each time it was not enough: handlers can be slow, or an event can wait for another attempt.
    static let patience = (first: Duration.seconds(5), longest: Duration.seconds(80))

    /// A shard to hand over, and how long to try.
    struct Move: Hashable, Sendable {
        let shard: Int
        let patience: Duration
    }

    private let shards: Int
    /// In the order in which they became active.
    private(set) var active: [Int] = []
    /// Those that are being handed over.
    private(set) var leaving: Set<Int> = []
    private var resting: [Int: Int] = [:]
    /// How long those will be held the next time that could not be handed over.
    private var longer: [Int: Duration] = [:]
    /// How many instances the last look has seen.
    private var instances: Int?

    package init(shards: Int) {
        self.shards = shards
    }

    /// Something was delivered from a shard.
    package mutating func delivered(from shard: Int) {
        if !self.active.contains(shard) { self.active.append(shard) }
    }

    /// The scope of a shard is lost; if it was being handed over, that ends by itself.
    mutating func lost(_ shard: Int) {
        self.active.removeAll { $0 == shard }
    }

    /// A shard has been handed over.
    package mutating func left(_ shard: Int) {
        self.lost(shard)
        self.leaving.remove(shard)
        self.longer[shard] = nil
        self.resting[shard] = Self.looksToRest
    }

    /// A shard could not be handed over, since something of it stays unsettled.
    package mutating func stayed(_ shard: Int) {
        self.leaving.remove(shard)
        self.resting[shard] = Self.looksToRest
        self.longer[shard] = min(self.patience(of: shard) * 2, Self.patience.longest)
    }

    private func patience(of shard: Int) -> Duration { self.longer[shard] ?? Self.patience.first }

    /// Decides at regular times.
    ///
    /// - Parameter instances: how many have the subscription open, this one included.
    /// - Returns: the shards to begin to hand over; none unless the last look has seen as many instances, so that one that comes and
    ///   goes at once moves nothing.
    mutating func look(instances: Int) -> [Move] {
        // A broker that cannot tell right now says that there is none, not even this one.
        guard instances > 0 else { return [] }
        let isSteady = instances == self.instances
        self.instances = instances
        self.resting = self.resting.compactMapValues { $0 > 1 ? $0 - 1 : nil }
        guard instances > 1 else {
            for shard in 0..<self.shards { self.delivered(from: shard) }
            return []
        }
        let share = (self.shards + instances - 1) / instances
        let staying = self.active.filter { !self.leaving.contains($0) }
        guard isSteady, staying.count > share else { return [] }
        let chosen = Array(staying.reversed().filter { self.resting[$0] == nil }.prefix(staying.count - share))
        self.leaving.formUnion(chosen)
        return chosen.map { Move(shard: $0, patience: self.patience(of: $0)) }
    }
}
