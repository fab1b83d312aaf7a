// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import EventBusPersistence
import ServiceLifecycle
import Synchronization

/// What the parts of a process say about their own state.
final class HealthReports: Sendable {
    private struct Report: Sendable {
        /// The part; `nil` for the whole process.
        let part: String?
        let health: @Sendable () -> Health
    }

    private let reports = Mutex<[Report]>([])

    /// Adds the consumers and relays among services.
    func add(_ services: [any Service]) {
        for service in services {
            if let consumer = service as? EventConsumer {
                self.add(consumer.description) { consumer.health }
            } else if let relay = service as? OutboxRelay {
                self.add(relay.description) { relay.health }
            }
        }
    }

    func add(_ part: String?, _ health: @escaping @Sendable () -> Health) {
        self.reports.withLock { $0.append(Report(part: part, health: health)) }
    }

    /// Whether a part says that something is wrong; `nil` if nobody reports about it.
    func hasProblem(_ part: String) -> Bool? {
        let reports = self.reports.withLock { $0 }.filter { $0.part == nil || $0.part == part }
        return reports.isEmpty ? nil : reports.contains { !$0.health().isReady }
    }

    func hasProblem(of subscription: SubscriptionName) -> Bool? { self.hasProblem("consumer \(subscription)") }

    func hasProblemOfRelay() -> Bool? { self.hasProblem("outbox relay") }
}

extension SimulatedProcess {
    /// Tells the simulation how to ask for the health of this process, for the rule that work which stands still is noticed.
    ///
    /// It asks each `EventConsumer` and `OutboxRelay` among the process's services by itself; this is for those inside of other
    /// services.
    public func watch(_ health: @escaping @Sendable () -> Health) {
        self.reports.add(nil, health)
    }
}
