// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Turns steps into actions by performing them on the in-process bus, whose state shows what they can refer to.
///
/// It skips a step that has nothing to refer to, or more than one possible outcome.
final class Planner {
    let player: Player
    private let trace: Trace
    var ledgers = (0..<Differential.slots).map { Ledger(ordering: Differential.ordering(of: $0)) }
    private var lastConsumer = 0
    /// The first action after which two consumers of an unordered subscription are open.
    private(set) var firstChoice = Int.max

    init(_ player: Player, _ trace: Trace) {
        self.player = player
        self.trace = trace
    }

    func plan(_ steps: [ProgramStep], in group: inout DiscardingTaskGroup) async throws {
        for step in steps { try await self.plan(step, in: &group) }
        try await self.finish(in: &group)
    }

    private func plan(_ step: ProgramStep, in group: inout DiscardingTaskGroup) async throws {
        switch step {
        case .open(let slot, let prefetch, let patterns):
            try await self.open(slot, prefetch, patterns, in: &group)
        case .publish(let posts):
            try await self.publish(posts, in: &group)
        case .take(let slot):
            try await self.take(slot)
        case .settle(let slot, let picks):
            try await self.settle(slot, picks, in: &group)
        case .giveBack(let slot, let picks):
            try await self.giveBack(slot, picks, in: &group)
        case .stray(let slot):
            if !self.ledgers[slot].open.isEmpty { _ = try await self.perform(.stray(slot: slot), in: &group) }
        case .end(let slot, let which, let how):
            try await self.end(slot, which, how, in: &group)
        case .wait(let slot):
            try await self.take(slot)
            if self.ledgers[slot].canWait { try await self.wait(slot) }
        case .drain(let slot):
            if self.canDrain(slot) { try await self.drain(slot, in: &group) }
        case .letters(let slot):
            if self.ledgers[slot].isDeclared { _ = try await self.perform(.letters(slot: slot), in: &group) }
        case .redrive(let slot, let limit, let wanted):
            if self.ledgers[slot].isDeclared { try await self.redrive(slot, limit, wanted, in: &group) }
        case .unbind(let slot, let pick):
            if self.ledgers[slot].isDeclared { try await self.unbind(slot, pick, in: &group) }
        case .move(let slot, let other):
            if self.canMove(slot, to: other) { try await self.move(slot, to: other, in: &group) }
        case .remove(let slot):
            if self.ledgers[slot].isDeclared { try await self.remove(slot, in: &group) }
        case .restart:
            if self.ledgers.allSatisfy(\.open.isEmpty) { _ = try await self.perform(.restart, in: &group) }
        case .mismatch(let slot):
            if self.ledgers[slot].isDeclared { _ = try await self.perform(.mismatch(slot: slot), in: &group) }
        }
    }

    func perform(_ action: Action, in group: inout DiscardingTaskGroup) async throws -> Seen {
        self.trace.begin(action)
        let seen = try await self.player.perform(action, in: &group)
        self.trace.end(seen)
        if let obstacle = seen.obstacle { throw Stuck(obstacle) }
        return seen
    }

    /// The in-process bus itself got stuck.
    struct Stuck: Error, CustomStringConvertible {
        let description: String

        init(_ obstacle: String) { self.description = obstacle }
    }

    // MARK: Opening and publishing

    private func open(
        _ slot: Int,
        _ prefetch: Int,
        _ patterns: [String],
        in group: inout DiscardingTaskGroup
    ) async throws {
        let ledger = self.ledgers[slot]
        guard ledger.open.count < 2 else { return }
        var prefetch = prefetch
        switch ledger.ordering {
        case .perKey:
            // An ordered subscription must never lower it.
            prefetch = max(prefetch, ledger.lastPrefetch)
        case .none:
            guard ledger.open.isEmpty || ledger.returned.isEmpty else { return }
            // Returned messages that are pushed in parts would change places at the next return.
            prefetch = max(prefetch, ledger.returned.count)
            if !ledger.open.isEmpty {
                try await self.take(slot)
                self.firstChoice = min(self.firstChoice, self.trace.actions.count)
            }
        }
        self.lastConsumer += 1
        let seen = try await self.perform(
            .open(consumer: self.lastConsumer, slot: slot, prefetch: prefetch, patterns: patterns),
            in: &group
        )
        guard seen.lines.isEmpty else { throw Stuck("a consumer cannot be opened") }
        self.ledgers[slot].isDeclared = true
        self.ledgers[slot].lastPrefetch = prefetch
        self.ledgers[slot].open.append((self.lastConsumer, prefetch))
        self.ledgers[slot].patterns += patterns
        try await self.takeIfCompeting()
    }

    private func publish(_ posts: [PlannedMessage], in group: inout DiscardingTaskGroup) async throws {
        _ = try await self.perform(.publish(posts), in: &group)
        for post in posts {
            let topic = try Topic(post.topic.replacing("@", with: self.player.word))
            for slot in self.ledgers.indices {
                let isBound = try self.ledgers[slot].patterns.contains { pattern in
                    try TopicPattern(pattern.replacing("@", with: self.player.word)).matches(topic)
                }
                if isBound { self.ledgers[slot].waiting.append(post.label) }
            }
        }
        try await self.takeIfCompeting()
    }

    // MARK: Taking

    /// Competing consumers take at once, so that it is known who holds what before the next action.
    private func takeIfCompeting() async throws {
        for slot in self.ledgers.indices where self.ledgers[slot].isCompeting { try await self.take(slot) }
    }

    private func take(_ slot: Int) async throws {
        guard !self.ledgers[slot].open.isEmpty else { return }
        let seen = try await self.player.take(.max, of: slot, isWait: false)
        self.ledgers[slot].isRefilling = false
        self.note(seen, .take(slot: slot, count: seen.arrivals.count), of: slot)
    }

    private func wait(_ slot: Int) async throws {
        try await self.player.passRetries(of: slot)
        let seen = try await self.player.take(.max, of: slot, isWait: true)
        self.note(seen, .wait(slot: slot, count: seen.arrivals.count), of: slot)
    }

    private func note(_ seen: Seen, _ action: Action, of slot: Int) {
        guard !seen.arrivals.isEmpty else { return }
        self.trace.begin(action)
        self.trace.end(seen)
        self.ledgers[slot].arrived(seen.arrivals)
    }

    // MARK: Settling

    private func settle(_ slot: Int, _ picks: [Int], in group: inout DiscardingTaskGroup) async throws {
        var left = self.ledgers[slot].out.map(\.label).sorted()
        var labels: [String] = []
        for pick in picks where !left.isEmpty {
            let label = left.remove(at: pick % left.count)
            if self.mayRetry(slot) || !self.isRetried(label, slot) { labels.append(label) }
        }
        guard !labels.isEmpty else { return }
        guard self.ledgers[slot].isCompeting else { return try await self.settle(slot, labels, in: &group) }
        // One by one, since acknowledgements of two consumers may overtake each other.
        for label in labels {
            try await self.settle(slot, [label], in: &group)
            try await self.take(slot)
        }
    }

    private func settle(_ slot: Int, _ labels: [String], in group: inout DiscardingTaskGroup) async throws {
        let fates = self.fates(labels, slot)
        _ = try await self.perform(.settle(slot: slot, labels: labels), in: &group)
        for (label, fate) in fates { self.ledgers[slot].settled(label, fate) }
    }

    private func fates(_ labels: [String], _ slot: Int) -> [(String, PlannedMessage.Fate)] {
        labels.compactMap { label in self.player.fate(of: label, in: slot).map { (label, $0) } }
    }

    private func isRetried(_ label: String, _ slot: Int) -> Bool {
        if case .retry = self.player.fate(of: label, in: slot) { true } else { false }
    }

    /// Virtual time passes for all subscriptions together, so only one at a time may have delayed retries.
    private func mayRetry(_ slot: Int) -> Bool {
        self.ledgers.indices.allSatisfy { $0 == slot || self.ledgers[$0].delayed.isEmpty }
    }

    private func canDrain(_ slot: Int) -> Bool {
        let ledger = self.ledgers[slot]
        return !ledger.open.isEmpty && !ledger.isCompeting && ledger.live > 0 && self.mayRetry(slot)
    }

    private func drain(_ slot: Int, in group: inout DiscardingTaskGroup) async throws {
        let live = self.ledgers[slot].live
        guard live > 0 else { return }
        _ = try await self.perform(.drain(slot: slot, finals: live), in: &group)
        self.ledgers[slot].drained()
        self.ledgers[slot].dead = try await self.player.deadLabels(of: slot)
    }

    // MARK: Ending

    private func end(
        _ slot: Int,
        _ which: Int,
        _ how: ProgramStep.How,
        in group: inout DiscardingTaskGroup
    ) async throws {
        var ledger = self.ledgers[slot]
        guard !ledger.open.isEmpty, ledger.canEnd else { return }
        let isCompeting = ledger.isCompeting
        let isStopping = how == .stopping || how == .graceful
        if isCompeting, !self.mayRetry(slot) || isStopping && !ledger.waiting.isEmpty { return }
        if isStopping, !isCompeting, ledger.isRefilling {
            // What is still on its way may count a return or not.
            try await self.take(slot)
            ledger = self.ledgers[slot]
        }
        let consumer = ledger.open[which % ledger.open.count].consumer
        let held = ledger.out.filter { $0.consumer == consumer }.map(\.label)
        // With competing consumers it is unknown who holds a message.
        var labels: [String] = []
        if !isCompeting, how != .throwing {
            labels = held.filter { self.mayRetry(slot) || !self.isRetried($0, slot) }
            if how == .returns || how == .graceful { labels = Array(labels.prefix(1)) }
        }
        let fates = self.fates(labels, slot)
        if isStopping { self.ledgers[slot].stopped(consumer) }
        _ = try await self.perform(.end(consumer: consumer, slot: slot, how, settling: labels), in: &group)
        for (label, fate) in fates { self.ledgers[slot].settled(label, fate) }
        self.ledgers[slot].ended(consumer, how)
        // What has returned depends on who held what, so the other consumer drains it all.
        if isCompeting, !ledger.out.isEmpty { try await self.drain(slot, in: &group) }
    }

    private func redrive(
        _ slot: Int,
        _ limit: Int,
        _ wanted: ProgramStep.Wanted,
        in group: inout DiscardingTaskGroup
    ) async throws {
        _ = try await self.perform(.redrive(slot: slot, limit: limit, wanted), in: &group)
        let left = try await self.player.deadLabels(of: slot)
        self.ledgers[slot].waiting += self.ledgers[slot].dead.filter { !left.contains($0) }
        self.ledgers[slot].dead = left
        try await self.takeIfCompeting()
    }

    /// Empties all subscriptions and shows with a last message that nothing else is left.
    private func finish(in group: inout DiscardingTaskGroup) async throws {
        let slots = self.ledgers.indices.filter { self.ledgers[$0].isDeclared }
            .sorted { self.ledgers[$0].delayed.count > self.ledgers[$1].delayed.count }
        for slot in slots {
            if self.ledgers[slot].open.count > 1 { try await self.end(slot, 1, .returns, in: &group) }
            if self.ledgers[slot].open.isEmpty { try await self.open(slot, 4, ["@"], in: &group) }
            try await self.drain(slot, in: &group)
            _ = try await self.perform(.letters(slot: slot), in: &group)
            // The last life of each message ends well.
            var lives = 0
            while !self.ledgers[slot].dead.isEmpty {
                lives += 1
                guard lives <= PlannedMessage.mostLives else { throw Stuck("dead letters do not go away") }
                try await self.redrive(slot, 100, .all, in: &group)
                try await self.drain(slot, in: &group)
            }
            try await self.end(slot, 0, .returns, in: &group)
        }
        for slot in slots { try await self.open(slot, 4, ["@.fence"], in: &group) }
        try await self.publish([PlannedMessage(label: "fence", topic: "@.fence", fates: [[.done]])], in: &group)
        for slot in slots {
            try await self.drain(slot, in: &group)
            _ = try await self.perform(.letters(slot: slot), in: &group)
            try await self.end(slot, 0, .returns, in: &group)
        }
    }
}
