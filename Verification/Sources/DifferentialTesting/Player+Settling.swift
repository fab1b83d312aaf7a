// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension Player {
    /// Settles messages, whichever consumer holds them.
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

    /// Gives messages back, whichever consumer holds them.
    func giveBack(_ labels: [String], of slot: Int) async throws -> Seen {
        var seen = Seen()
        for label in labels {
            let holder = self.seats.sorted { $0.key < $1.key }.first { _, seat in
                seat.scope.slot == slot && seat.held.contains { self.label(of: $0.message) == label }
            }
            guard let holder else {
                seen.lines.append("\(label): nobody holds it")
                continue
            }
            let given = holder.value.held.filter { self.label(of: $0.message) == label }.map(\.id)
            holder.value.deliveries.giveBack(given)
            try await holder.value.deliveries.flush()
            // On an ordered subscription nothing happens.
            guard Differential.ordering(of: slot) == .none else { continue }
            self.seats[holder.key]?.held.removeAll { given.contains($0.id) }
            self.seats[holder.key]?.settled += given
        }
        return seen
    }

    func move(_ slot: Int, to other: Int) async throws -> Seen {
        let (name, target) = (self.harness.subscriptions[slot], self.harness.subscriptions[other])
        let count = try await self.harness.bus.move(name, to: target)
        // Retries are ready at once.
        self.delayed.removeAll { $0.slot == slot }
        return Seen(lines: ["\(count) moved"])
    }

    private func settle(_ index: Int, at consumer: Int) -> PlannedMessage.Fate {
        guard let delivery = self.seats[consumer]?.held.remove(at: index), let seat = self.seats[consumer],
            let post = self.posts[self.label(of: delivery.message)]
        else { return .done }
        let fate = post.fate(of: delivery)
        if case .retry(let seconds) = fate {
            self.delayed.append(
                Delayed(
                    slot: seat.scope.slot,
                    label: post.label,
                    since: self.now(),
                    delay: .seconds(seconds)
                )
            )
        }
        seat.deliveries.settle(delivery.id, post.verdict(on: delivery))
        self.seats[consumer]?.settled.append(delivery.id)
        return fate
    }

    /// The fate of a message that a consumer of a subscription holds.
    func fate(of label: String, in slot: Int) -> PlannedMessage.Fate? {
        let held = self.seats.values.filter { $0.scope.slot == slot }.flatMap(\.held)
        let delivery = held.first { self.label(of: $0.message) == label }
        return delivery.flatMap { self.posts[label]?.fate(of: $0) }
    }

    /// Takes and settles until `finals` messages have got a verdict other than a retry.
    func drain(_ slot: Int, finals: Int) async throws -> Seen {
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
            // A bus that forgets failures would go on indefinitely.
            if let endless = retries.filter({ $0.value > PlannedMessage.mostRetries }).keys.min() {
                seen.obstacle = "\(endless) is retried again and again"
                return seen
            }
            let delayed = self.delayed.filter { $0.slot == slot }
            // A retried message comes behind those that are there, however early it is. Its time matters only with two delays.
            if self.hasOneDelay || delayed.count >= finals, let due = delayed.map(\.due).min() {
                try await self.pass(until: due)
            }
            let next = try await self.take(1, of: slot, isWait: true)
            seen.arrivals += next.arrivals
            seen.obstacle = next.obstacle
            guard seen.obstacle == nil else { return seen }
        }
    }
}
