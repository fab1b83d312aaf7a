// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Performs actions on one bus and says what is seen.
final class Player {
    /// A consumer that is open.
    struct Seat {
        let scope: OpenScope
        let deliveries: any Deliveries
        var held: [Delivery] = []
        var settled: [Delivery.ID] = []
    }

    /// A consumer that has ended.
    struct Past {
        let slot: Int
        let deliveries: any Deliveries
        let ids: [Delivery.ID]
    }

    private struct Delayed {
        let slot: Int
        let label: String
        let since: Duration
        let delay: Duration

        var due: Duration { self.since + self.delay }
    }

    let harness: any DifferentialHarness
    let word: String
    let taker: Taker
    private let clock: RelativeClock
    var seats: [Int: Seat] = [:]
    var past: [Past] = []
    private(set) var posts: [String: Post] = [:]
    private var delayed: [Delayed] = []

    init(_ harness: any DifferentialHarness, word: String, waiting: Waiting) {
        self.harness = harness
        self.word = word
        self.taker = Taker(waiting: waiting)
        let clock = harness.clock
        self.clock = RelativeClock(clock)
    }

    /// Does one thing to the bus; scopes that it opens live in `group`.
    ///
    /// - Throws: ``Differential/TooSlow``, `CancellationError`, what the harness throws. What the bus throws is seen.
    func perform(_ action: Action, in group: inout DiscardingTaskGroup) async throws -> Seen {
        let seen: Seen
        do {
            seen = try await self.act(action, in: &group)
        } catch let error as BusError {
            seen = Seen(lines: ["throws \(error.code)"])
        }
        switch action {
        case .wait, .drain: break
        default: try self.checkPace()
        }
        return seen
    }

    private func act(_ action: Action, in group: inout DiscardingTaskGroup) async throws -> Seen {
        switch action {
        case .open(let consumer, let slot, let prefetch, let patterns):
            try await self.open(consumer, slot, prefetch, patterns, in: &group)
            return Seen()
        case .publish(let posts): return try await self.publish(posts)
        case .take(let slot, let count): return try await self.take(count, of: slot, isWait: false)
        case .settle(let slot, let labels):
            let seen = self.settle(labels, of: slot)
            for seat in self.seats.values where seat.scope.slot == slot { try await seat.deliveries.flush() }
            return seen
        case .stray(let slot):
            try await self.stray(slot)
            return Seen()
        case .end(let consumer, let slot, let how, let labels):
            return try await self.end(consumer, of: slot, how, settling: labels)
        case .wait(let slot, let count):
            try await self.passRetries(of: slot)
            return try await self.take(count, of: slot, isWait: true)
        case .drain(let slot, let finals): return try await self.drain(slot, finals: finals)
        case .letters(let slot): return try await self.letters(of: slot)
        case .redrive(let slot, let limit, let wanted):
            return try await self.redrive(slot, limit: limit, wanted)
        case .restart:
            try await self.harness.restart()
            return Seen()
        case .mismatch(let slot): return try await self.mismatch(slot)
        }
    }

    // MARK: Publishing and opening

    private func publish(_ posts: [Post]) async throws -> Seen {
        for post in posts { self.posts[post.label] = post }
        let outcomes = await self.harness.bus.publish(try posts.map { try $0.message(in: self.word) })
        return Seen(lines: zip(posts, outcomes).map { "\($0.label): \($1.name)" })
    }

    private func open(
        _ consumer: Int,
        _ slot: Int,
        _ prefetch: Int,
        _ patterns: [String],
        in group: inout DiscardingTaskGroup
    ) async throws {
        let subscription = try self.subscription(slot, prefetch, patterns, Differential.ordering(of: slot))
        let scope = OpenScope(consumer: consumer, slot: slot)
        let bus = self.harness.bus
        group.addTask { await scope.run(subscription, on: bus) }
        self.seats[consumer] = Seat(scope: scope, deliveries: try await scope.opened())
    }

    private func mismatch(_ slot: Int) async throws -> Seen {
        let other: Ordering = Differential.ordering(of: slot) == .none ? .perKey : .none
        let subscription = try self.subscription(slot, 10, ["@.mismatch"], other)
        try await self.harness.bus.withDeliveries(to: subscription) { _ in }
        return Seen(lines: ["opens"])
    }

    private func subscription(
        _ slot: Int,
        _ prefetch: Int,
        _ patterns: [String],
        _ ordering: Ordering
    ) throws -> Subscription {
        try Subscription(
            self.harness.subscriptions[slot],
            patterns: patterns.map { try TopicPattern($0.replacing("@", with: self.word)) },
            prefetch: prefetch,
            ordering: ordering
        )
    }

    // MARK: Taking

    /// Takes what comes until there are `count`.
    func take(_ count: Int, of slot: Int, isWait: Bool) async throws -> Seen {
        let seats = self.seats.sorted { $0.key < $1.key }.filter { $0.value.scope.slot == slot }
        let batches = try await self.taker.take(count, from: seats.map { ($0.key, $0.value.deliveries) })
        var seen = Seen()
        for batch in batches { seen.arrivals += try self.arrived(batch, of: slot, isWait: isWait) }
        if count != .max, seen.arrivals.count < count { seen.obstacle = "nothing more comes" }
        return seen
    }

    private func arrived(_ batch: Taker.Batch, of slot: Int, isWait: Bool) throws -> [Seen.Arrival] {
        let isAlone = batch.deliveries.count == 1 && self.seats[batch.consumer]?.held.isEmpty == true
        self.seats[batch.consumer]?.held += batch.deliveries
        return try batch.deliveries.map { delivery in
            let label = self.label(of: delivery.message)
            if let index = self.delayed.firstIndex(where: { $0.slot == slot && $0.label == label }) {
                if !isWait, self.clock.now() >= self.delayed[index].due { throw Differential.TooSlow() }
                self.delayed.remove(at: index)
            }
            let mustBeAlone = delivery.returns > 0 && Differential.ordering(of: slot) == .none
            return Seen.Arrival(
                consumer: batch.consumer,
                label: label,
                returns: delivery.returns,
                text: label + self.notes(on: delivery, mustBeAlone ? isAlone : nil)
            )
        }
    }

    private func notes(on delivery: Delivery, _ isAlone: Bool?) -> String {
        var notes: [String] = []
        if delivery.failures != Failures() { notes.append(self.text(of: delivery.failures)) }
        if delivery.returns > 0 { notes.append("returned \(delivery.returns)") }
        if delivery.isRedelivered != (delivery.returns > 0) { notes.append("redelivered \(delivery.isRedelivered)") }
        if delivery.redrives > 0 { notes.append("redriven \(delivery.redrives)") }
        if let isAlone { notes.append(isAlone ? "alone" : "not alone") }
        if !self.isUnchanged(delivery.message) { notes.append("changed") }
        return notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))"
    }

    func text(of failures: Failures) -> String {
        let since =
            failures.firstAt == Post.firstFailure ? "" : failures.firstAt.map { " since \($0)" } ?? " since never"
        return "failed \(failures.count)\(since)"
    }

    func label(of message: Message) -> String {
        message.id.hasPrefix(self.word + "/") ? String(message.id.dropFirst(self.word.utf8.count + 1)) : message.id
    }

    func isUnchanged(_ message: Message) -> Bool {
        guard let published = try? self.posts[self.label(of: message)]?.message(in: self.word) else { return false }
        return (try? expectSame(message, published)) != nil
    }

    // MARK: Settling

    /// Gives verdicts on messages, whoever holds them.
    func settle(_ labels: [String], of slot: Int) -> Seen {
        var seen = Seen()
        for label in labels {
            let holder = self.seats.sorted { $0.key < $1.key }.first { _, seat in
                seat.scope.slot == slot && seat.held.contains { self.label(of: $0.message) == label }
            }
            guard let holder, let index = holder.value.held.firstIndex(where: { self.label(of: $0.message) == label })
            else {
                seen.lines.append("\(label): nobody holds it")
                continue
            }
            seen.lines.append("\(label) at consumer \(holder.key): \(self.settle(index, at: holder.key))")
        }
        return seen
    }

    private func settle(_ index: Int, at consumer: Int) -> Post.Fate {
        guard let delivery = self.seats[consumer]?.held.remove(at: index), let seat = self.seats[consumer],
            let post = self.posts[self.label(of: delivery.message)]
        else { return .done }
        let fate = post.fate(of: delivery)
        if case .retry(let seconds) = fate {
            self.delayed.append(
                Delayed(
                    slot: seat.scope.slot,
                    label: post.label,
                    since: self.clock.now(),
                    delay: .seconds(seconds)
                )
            )
        }
        seat.deliveries.settle(delivery.id, post.verdict(on: delivery))
        self.seats[consumer]?.settled.append(delivery.id)
        return fate
    }

    /// What is to become of a message that a consumer of a subscription holds.
    func fate(of label: String, in slot: Int) -> Post.Fate? {
        let held = self.seats.values.filter { $0.scope.slot == slot }.flatMap(\.held)
        let delivery = held.first { self.label(of: $0.message) == label }
        return delivery.flatMap { self.posts[label]?.fate(of: $0) }
    }

    /// Takes and settles until so many have got a verdict that is not to try again.
    private func drain(_ slot: Int, finals: Int) async throws -> Seen {
        var seen = Seen()
        var finals = finals
        var retries: [String: Int] = [:]
        while true {
            for (consumer, seat) in self.seats.sorted(by: { $0.key < $1.key }) where seat.scope.slot == slot {
                for delivery in seat.held {
                    guard case .retry = self.settle(0, at: consumer) else {
                        finals -= 1
                        continue
                    }
                    retries[self.label(of: delivery.message), default: 0] += 1
                }
                try await seat.deliveries.flush()
            }
            guard finals > 0 else { return seen }
            // A bus that forgets failures would go on for ever.
            if let endless = retries.filter({ $0.value > Post.mostRetries }).keys.min() {
                seen.obstacle = "\(endless) is retried again and again"
                return seen
            }
            let delayed = self.delayed.filter { $0.slot == slot }
            // What is retried comes behind what is there, however early. Only with two delays it matters when.
            if self.hasOneDelay || delayed.count >= finals, let due = delayed.map(\.due).min() {
                try await self.pass(until: due)
            }
            let next = try await self.take(1, of: slot, isWait: true)
            seen.arrivals += next.arrivals
            seen.obstacle = next.obstacle
            guard seen.obstacle == nil else { return seen }
        }
    }

    // MARK: Time

    /// Lets all retries of a subscription become due.
    func passRetries(of slot: Int) async throws {
        if let due = self.delayed.filter({ $0.slot == slot }).map(\.due).max() { try await self.pass(until: due) }
    }

    private func pass(until due: Duration) async throws {
        let rest = due - self.clock.now()
        if rest > .zero { try await self.harness.pass(rest) }
    }

    /// Whether all retries of the messages published so far are delayed alike.
    private var hasOneDelay: Bool {
        self.posts.values.allSatisfy { post in
            post.fates.joined().allSatisfy { if case .retry(let seconds) = $0 { seconds == 1 } else { true } }
        }
    }

    private func checkPace() throws {
        let now = self.clock.now()
        if self.delayed.contains(where: { $0.due <= now }) { throw Differential.TooSlow() }
        // Two that were delayed differently come in the order in which they are due only if they were delayed at about one time.
        let delays = Set(self.delayed.map(\.delay))
        if delays.count > 1, self.delayed.contains(where: { now - $0.since > .seconds(2) }) {
            throw Differential.TooSlow()
        }
    }
}
