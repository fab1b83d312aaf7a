// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension Player {
    // MARK: Wrong ids

    /// Settles with ids that a bus has to ignore.
    func stray(_ slot: Int) async throws {
        let past = self.past.filter { $0.slot == slot }
        for (consumer, seat) in self.seats where seat.scope.slot == slot {
            let own = seat.held.map(\.id)
            let others = self.seats.filter { $0.key != consumer }.values.flatMap { $0.held.map(\.id) }
            let generation = own.first?.generation ?? seat.settled.first?.generation ?? 0
            let last = (own + seat.settled).map(\.tag).max() ?? 0
            var ids = [0, last + 1, .max].map { Delivery.ID(generation: generation, tag: $0) }
            ids += own.map { Delivery.ID(generation: $0.generation &+ 1_000_000, tag: $0.tag) }
            ids += seat.settled + others + past.flatMap(\.ids)
            // An earlier scope may have handed out the same tags.
            for old in past.compactMap(\.ids.first) {
                ids += own.map { Delivery.ID(generation: old.generation, tag: $0.tag) }
            }
            let held = Set(own)
            for id in ids where !held.contains(id) { self.giveWrongVerdict(on: id, to: seat.deliveries) }
            for old in past { for id in own { self.giveWrongVerdict(on: id, to: old.deliveries) } }
            try await seat.deliveries.flush()
        }
        for old in past { for id in old.ids { self.giveWrongVerdict(on: id, to: old.deliveries) } }
    }

    private func giveWrongVerdict(on id: Delivery.ID, to deliveries: any Deliveries) {
        deliveries.settle(id, .deadLetter(reason: "a verdict on a wrong id", Failures(count: 99)))
    }

    // MARK: Ending

    func end(_ consumer: Int, of slot: Int, _ how: ProgramStep.How, settling labels: [String]) async throws -> Seen {
        guard let seat = self.seats[consumer] else { return Seen(lines: ["it is not open"]) }
        if how == .stopping || how == .graceful { seat.deliveries.stop() }
        var seen = self.settle(labels, of: slot)
        if how == .graceful { seat.deliveries.giveBack(self.seats[consumer]?.held.map(\.id) ?? []) }
        if how == .stopping || how == .graceful {
            try await seat.deliveries.flush()
            if let late = try await seat.deliveries.next() {
                seen.lines.append("after stop() come \(late.map { self.label(of: $0.message) })")
            }
        }
        let ids = (self.seats.removeValue(forKey: consumer)?.held.map(\.id) ?? []) + seat.settled.suffix(2)
        self.past = self.past.suffix(3) + [Past(slot: slot, deliveries: seat.deliveries, ids: ids)]
        try await seat.scope.end(how)
        return seen
    }

    /// Ends all open scopes, at the end of a program that failed.
    func endAll() async {
        for seat in self.seats.values { try? await seat.scope.end(.throwing) }
        self.seats = [:]
    }

    // MARK: Dead letters

    func letters(of slot: Int) async throws -> Seen {
        let letters = try await self.harness.bus.deadLetters(of: self.harness.subscriptions[slot], limit: 1000)
        return Seen(
            lines: letters.map { letter in
                let redrives = letter.redrives > 0 ? ", redriven \(letter.redrives)" : ""
                let change = self.isUnchanged(letter.message) ? "" : ", changed"
                let label = self.label(of: letter.message)
                return "\(label) (\(letter.reason), \(self.text(of: letter.failures))\(redrives)\(change))"
            }
        )
    }

    func deadLabels(of slot: Int) async throws -> [String] {
        try await self.harness.bus.deadLetters(of: self.harness.subscriptions[slot], limit: 1000)
            .map { self.label(of: $0.message) }
    }

    func redrive(_ slot: Int, limit: Int, _ wanted: ProgramStep.Wanted) async throws -> Seen {
        let count = try await self.harness.bus.redrive(self.harness.subscriptions[slot], limit: limit) { letter in
            wanted.isWanted(PlannedMessage.label(of: letter.message))
        }
        return Seen(lines: ["\(count) redriven"])
    }
}
