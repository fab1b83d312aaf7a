// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// An open subscription of a simulated process, with faults.
final class SimulatedDeliveries: Deliveries {
    private let base: InMemoryDeliveries
    private let subscription: Subscription
    private let process: SimulatedProcess
    /// Deliveries that arrive later than the others of their batch.
    private let late = Mutex<[Delivery]>([])

    init(base: InMemoryDeliveries, subscription: Subscription, process: SimulatedProcess) {
        self.base = base
        self.subscription = subscription
        self.process = process
    }

    func next() async throws -> [Delivery]? {
        let fault = try await self.process.enter(.next)
        if fault == .cut { self.base.cut() }
        let late = self.late.withLock { late in
            defer { late = [] }
            return late
        }
        var deliveries = late
        if late.isEmpty {
            guard let next = try await self.base.next() else { return nil }
            deliveries = next
        }
        try self.process.leave(.next, fault)
        if fault == .reorder, self.subscription.ordering == .none {
            for index in deliveries.indices { deliveries.swapAt(index, self.process.below(deliveries.count)) }
        }
        if fault == .split, deliveries.count > 1 {
            let first = 1 + self.process.below(deliveries.count - 1)
            let rest = Array(deliveries[first...])
            self.late.withLock { $0 = rest }
            deliveries.removeLast(rest.count)
        }
        for delivery in deliveries {
            let what = History.What.delivered(
                self.subscription.name,
                delivery.message.id,
                failures: delivery.failures.count,
                returns: delivery.returns,
                redrives: delivery.redrives
            )
            self.process.record(what)
        }
        return deliveries
    }

    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) {
        // Verdicts that move a message are rare and have more ways to fail, so they get more chances to.
        var fault = self.process.drawNow(.settle)
        for _ in 0..<8 where fault == nil && verdict != .done { fault = self.process.drawNow(.settle) }
        switch fault {
        case .deathBefore:
            return
        case .lostVerdict:
            self.base.cut()
            return
        case .copyOnly:
            self.record(delivery, verdict)
            self.base.copy(delivery, verdict)
            self.base.cut()
            return
        default:
            self.record(delivery, verdict)
            self.base.settle(delivery, verdict)
            if fault == .duplicate { self.base.settle(delivery, verdict) }
            if fault == .deathAfter { self.process.die("after settle") }
        }
    }

    private func record(_ delivery: Delivery.ID, _ verdict: Verdict) {
        guard let message = self.base.outstanding(delivery) else { return }
        self.process.record(.settled(self.subscription.name, message.id, verdict))
    }

    func stop() {
        guard !self.process.isDead else { return }
        let late = self.late.withLock { late in
            defer { late = [] }
            return late
        }
        self.base.giveBack(late.map(\.id))
        self.base.stop()
    }

    func giveBack(_ deliveries: [Delivery.ID]) {
        guard !self.process.isDead else { return }
        self.base.giveBack(deliveries)
    }

    func flush() async throws {
        let fault = try await self.process.enter(.flush)
        if fault == .cut { self.base.cut() }
        try await self.base.flush()
        try self.process.leave(.flush, fault)
    }
}
