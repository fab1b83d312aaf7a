// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting

extension ProgramStep {
    /// The steps of a seed.
    static func random(seed: UInt64) -> [ProgramStep] {
        var author = Author(seed: seed)
        return author.steps()
    }
}

/// Writes programs, determined by a seed.
private struct Author {
    private var dice: SeededRandom
    private var posts = 0
    private let slots: [Int]
    private let hasRetries: Bool
    private let isSlow: Bool

    init(seed: UInt64) {
        self.dice = SeededRandom(seed: seed)
        let all = Array(0..<Differential.slots).shuffled(using: &self.dice)
        self.slots = Array(all.prefix(self.dice.pick([1, 1, 2, 2, 3])))
        // A retry takes one to two seconds on a real broker.
        self.hasRetries = self.dice.happens(45)
        self.isSlow = self.dice.happens(2)
    }

    mutating func steps() -> [ProgramStep] {
        var steps = self.slots.map { self.open($0) }
        let count = self.dice.roll(12...32)
        while steps.count < count { steps += self.some() }
        return steps
    }

    /// One step, or a few that are interesting together.
    private mutating func some() -> [ProgramStep] {
        let slot = self.dice.pick(self.slots)
        return switch self.dice.roll(1...100) {
        case ...10: [self.open(slot), .take(slot: slot), self.settle(slot), .wait(slot: slot)]
        case ...16: [.take(slot: slot), self.end(slot, .throwing), self.open(slot), .take(slot: slot)]
        case ...22: [self.open(slot), .take(slot: slot), self.open(slot), self.publish(), self.settle(slot)]
        case ...28: self.moving(slot)
        default: [self.step(slot)]
        }
    }

    /// Moves fresh, failed and returned messages to a subscription that holds nothing of its own.
    private mutating func moving(_ slot: Int) -> [ProgramStep] {
        guard let other = self.slots.filter({ $0 != slot }).shuffled(using: &self.dice).first else {
            return [self.step(slot)]
        }
        // Nothing is moved while a consumer is left that may hold it, or while both hold the same message.
        let ends = [slot, slot, other, other].map { self.end($0, .throwing) }
        let topic = "@.moved"
        let retried: [[PlannedMessage.Fate]]? = self.hasRetries ? [[.retry(seconds: 1), .done], [.done]] : nil
        let posts = [self.post(on: topic, retried)] + (0..<self.dice.roll(1...3)).map { _ in self.post(on: topic) }
        let source = ProgramStep.open(slot: slot, prefetch: 10, patterns: [topic])
        // Of several returns to an ordered subscription one goes along.
        let isOrdered = Differential.ordering(of: slot) == .perKey
        let again = isOrdered ? [source, .take(slot: slot), self.end(slot, .throwing)] : []
        return ends + [
            source, self.open(other), .redrive(slot: other, limit: 100, .all), .drain(slot: other), .drain(slot: slot),
            .publish(posts), .drain(slot: other), .take(slot: slot), self.settle(slot), self.end(slot, .throwing),
        ] + again + [.move(slot: slot, to: other), .take(slot: other)]
    }

    private mutating func step(_ slot: Int) -> ProgramStep {
        switch self.dice.roll(1...100) {
        case ...10: self.open(slot)
        case ...30: self.publish()
        case ...48: .take(slot: slot)
        case ...66: self.settle(slot)
        case ...69: .stray(slot: slot)
        case ...73: .giveBack(slot: slot, picks: (0..<self.dice.pick([1, 1, 2])).map { _ in self.dice.roll(0...99) })
        case ...81: self.end(slot, self.dice.pick([.returns, .throwing, .throwing, .stopping, .graceful, .graceful]))
        case ...85: .wait(slot: slot)
        case ...87: .drain(slot: slot)
        case ...89: .letters(slot: slot)
        case ...93:
            .redrive(slot: slot, limit: self.dice.pick([1, 2, 100]), self.dice.pick([.all, .all, .even, .odd]))
        case ...94: .unbind(slot: slot, pick: self.dice.roll(0...9))
        case ...96: .move(slot: slot, to: self.dice.pick(self.slots))
        case ...97: .remove(slot: slot)
        case ...98: .restart
        default: .mismatch(slot: slot)
        }
    }

    private mutating func publish() -> ProgramStep {
        .publish((0..<self.dice.pick([1, 1, 2, 3, 5])).map { _ in self.post() })
    }

    private mutating func settle(_ slot: Int) -> ProgramStep {
        .settle(slot: slot, picks: (0..<self.dice.pick([1, 1, 2, 3, 9])).map { _ in self.dice.roll(0...99) })
    }

    private mutating func end(_ slot: Int, _ how: ProgramStep.How) -> ProgramStep {
        .end(slot: slot, consumer: self.dice.roll(0...1), how)
    }

    private mutating func open(_ slot: Int) -> ProgramStep {
        .open(
            slot: slot,
            prefetch: self.dice.pick([1, 2, 2, 3, 4, 10]),
            patterns: (0..<self.dice.pick([1, 1, 2, 3])).map { _ in self.words(wildcards: true) }
        )
    }

    private mutating func post(on topic: String? = nil, _ fates: [[PlannedMessage.Fate]]? = nil) -> PlannedMessage {
        self.posts += 1
        return PlannedMessage(
            label: "m\(self.posts)",
            topic: topic ?? self.words(wildcards: false),
            key: self.dice.happens(60) ? "k\(self.dice.roll(1...2))" : nil,
            requiresSubscriber: self.dice.happens(75),
            origin: self.dice.happens(30) ? self.dice.pick(PlannedMessage.Origin.allCases) : .own,
            fates: fates ?? self.fates()
        )
    }

    private mutating func fates() -> [[PlannedMessage.Fate]] {
        let end: PlannedMessage.Fate = self.dice.happens(25) ? .dead : .done
        let later: [PlannedMessage.Fate] = self.dice.happens(20) ? [.dead] : [.done]
        guard self.hasRetries, self.dice.happens(35) else { return [[end], later, [.done]] }
        // With two delays in one program no message is retried twice, so that the order does not depend on the program's speed.
        if self.isSlow { return [[.retry(seconds: self.dice.pick([1, 10])), end], [.done]] }
        let retries = [PlannedMessage.Fate](
            repeating: .retry(seconds: 1),
            count: self.dice.pick([1, 1, 1, PlannedMessage.mostRetries])
        )
        return [retries + [end], self.dice.happens(20) ? [.retry(seconds: 1), .done] : later, [.done]]
    }

    /// A topic or a pattern.
    ///
    /// The run's own word is always part of it: other programs may run on the same broker.
    private mutating func words(wildcards: Bool) -> String {
        var words = ["@"]
        if self.dice.happens(15) { words.insert(wildcards ? self.dice.pick(["#", "*"]) : "a", at: 0) }
        let choices = wildcards ? ["a", "a", "b", "*", "#", "#"] : ["a", "a", "b"]
        for _ in 0..<self.dice.pick([0, 1, 1, 1, 2, 2, 3]) {
            let word = self.dice.pick(choices)
            // A pattern has at most two.
            words.append(word == "#" && words.count(where: { $0 == "#" }) == 2 ? "*" : word)
        }
        return words.joined(separator: ".")
    }
}
