// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension Planner {
    func giveBack(_ slot: Int, _ picks: [Int], in group: inout DiscardingTaskGroup) async throws {
        guard !self.ledgers[slot].isCompeting else { return }
        var left = self.ledgers[slot].out.map(\.label).sorted()
        var labels: [String] = []
        for pick in picks where !left.isEmpty { labels.append(left.remove(at: pick % left.count)) }
        guard !labels.isEmpty else { return }
        _ = try await self.perform(.giveBack(slot: slot, labels: labels), in: &group)
        self.ledgers[slot].gaveBack(labels)
    }

    func unbind(_ slot: Int, _ pick: Int, in group: inout DiscardingTaskGroup) async throws {
        let patterns = self.ledgers[slot].patterns
        let pattern = pick < patterns.count ? patterns[pick] : "@.never.bound"
        _ = try await self.perform(.unbind(slot: slot, pattern: pattern), in: &group)
        self.ledgers[slot].patterns.removeAll { $0 == pattern }
    }

    /// Whether the outcome of moving is determined.
    func canMove(_ slot: Int, to other: Int) -> Bool {
        let (source, target) = (self.ledgers[slot], self.ledgers[other])
        guard slot != other, source.isDeclared, target.isDeclared, source.open.isEmpty, !target.isCompeting else {
            return false
        }
        // A message is known by its label, and what comes alone stands in front of all others or is overtaken.
        guard source.labels.isDisjoint(with: target.labels), source.ordering == .perKey || source.suspects.isEmpty
        else { return false }
        // Retries with several delays may change places.
        return Set(self.player.delayed.filter { $0.slot == slot }.map(\.delay)).count <= 1
    }

    func move(_ slot: Int, to other: Int, in group: inout DiscardingTaskGroup) async throws {
        _ = try await self.perform(.move(slot: slot, to: other), in: &group)
        var target = self.ledgers[other]
        self.ledgers[slot].moved(to: &target)
        self.ledgers[other] = target
    }

    /// It takes a while, in which no retry may come back.
    func remove(_ slot: Int, in group: inout DiscardingTaskGroup) async throws {
        guard self.ledgers.allSatisfy(\.delayed.isEmpty) else { return }
        let seen = try await self.perform(.remove(slot: slot), in: &group)
        if seen.text == ["removed"] { self.ledgers[slot] = Ledger(ordering: self.ledgers[slot].ordering) }
    }
}
