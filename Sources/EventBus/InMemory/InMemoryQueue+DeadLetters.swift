// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension InMemoryQueue {
    func redrive(limit: Int, where isWanted: @Sendable (DeadLetter) -> Bool) -> Int {
        let looked = self.state.oldestDeadLetters(limit)
        var filter = RedriveFilter()
        return self.settle(looked, looked.map { filter.step(for: $0.letter, where: isWanted) }).redriven
    }

    /// See ``EventBus/settleDeadLetters(of:limit:batch:_:)``.
    func settleDeadLetters(
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        var filter = RedriveFilter()
        var counts = DeadLetterCounts()
        var rest = self.state.oldestDeadLetters(limit)[...]
        while !rest.isEmpty {
            try Task.checkCancellation()
            let looked = rest.prefix(max(1, batch))
            rest = rest.dropFirst(looked.count)
            let letters = looked.map(\.letter)
            let verdicts = try await decide(letters)
            letters.requireVerdicts(verdicts)
            let decisions = zip(letters, verdicts).map { filter.step(for: $0, $1) }
            counts += self.settle(Array(looked), decisions)
        }
        return counts
    }

    private func settle(_ looked: [DeadLetterShelf.Item], _ decisions: [RedriveFilter.Decision]) -> DeadLetterCounts {
        var counts = DeadLetterCounts()
        var given: [UInt64] = []
        var removed: [UInt64] = []
        for (item, decision) in zip(looked, decisions) {
            switch decision {
            case .keep: counts.kept += 1
            case .give: given.append(item.number)
            case .discard:
                removed.append(item.number)
                counts.discarded += 1
            case .remove(copyOf: _):
                removed.append(item.number)
                counts.copies += 1
            }
        }
        self.change { state in
            let (redriven, wake) = state.redrive(given, removing: removed)
            counts.redriven = redriven
            return wake
        }
        return counts
    }
}
