// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import ServiceLifecycle
import Synchronization

/// What the parts of a process say about their own state.
final class HealthReports: Sendable {
    private struct Report: Sendable {
        /// The part; `nil` for the whole process.
        let part: String?
        let health: @Sendable () async -> Health
    }

    private let reports = Mutex<[Report]>([])

    /// Adds the consumers and relays among services.
    func add(_ services: [any Service]) {
        for service in services {
            if let consumer = service as? EventConsumer {
                self.add(consumer.description) { consumer.health }
            } else if let relay = service as? OutboxRelay {
                self.add(relay.description) { await relay.health }
            }
        }
    }

    func add(_ part: String?, _ health: @escaping @Sendable () async -> Health) {
        self.reports.withLock { $0.append(Report(part: part, health: health)) }
    }

    /// Whether a consumer says that something is wrong; `nil` if nobody reports about it.
    func hasProblem(of subscription: SubscriptionName) async -> Bool? {
        await self.says(of: "consumer \(subscription)") { !$0.problems.isEmpty }
    }

    /// Whether a relay says that something is wrong, or what its events wait for; `nil` if nobody reports about it.
    func hasProblemOfRelay() async -> Bool? {
        await self.says(of: "outbox relay") { !$0.problems.isEmpty || !$0.notes.isEmpty }
    }

    private func says(of part: String, _ isWrong: (Health) -> Bool) async -> Bool? {
        let reports = self.reports.withLock { $0 }.filter { $0.part == nil || $0.part == part }
        // Each is asked, even after the first problem: some notice only by being asked regularly.
        var isAnyWrong: Bool?
        for report in reports { isAnyWrong = isWrong(await report.health()) || isAnyWrong == true }
        return isAnyWrong
    }
}
