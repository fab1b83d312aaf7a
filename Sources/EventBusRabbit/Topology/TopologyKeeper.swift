// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging

/// Repeats the exchange and the bindings of an open subscription.
///
/// RabbitMQ tells a consumer that its queue was deleted, but not that nothing is routed to it any longer.
struct TopologyKeeper: Sendable {
    let subscription: Subscription
    /// The subscription's connection.
    let connection: RabbitConnection
    /// Makes the one for the requests.
    let requests: @Sendable () async throws -> RabbitConnection
    let status: BusStatus
    /// Its metadata names the subscription.
    let logger: Logger

    /// Repairs again and again, until the task is cancelled.
    ///
    /// - Parameter interval: the seconds between two repairs, chosen at random so that consumers don't all come at once.
    func run(every interval: ClosedRange<Double>) async {
        defer { self.status.note(unrepaired: nil, of: self.subscription.name) }
        while (try? await Task.sleep(for: .seconds(.random(in: interval)))) != nil {
            do {
                try await self.connection.whileOpen { try await self.repair(on: try await self.requests()) }
                self.status.note(unrepaired: nil, of: self.subscription.name)
            } catch {
                let reason = (error as? BusError)?.message ?? "\(error)"
                self.status.note(unrepaired: reason, of: self.subscription.name)
                self.logger.warning(
                    "The exchange or the bindings could not be repeated: events may not arrive",
                    error: error
                )
            }
        }
    }

    /// Declares the exchange if it is missing, and everything that is bound to it.
    private func repair(on connection: RabbitConnection) async throws {
        var missing: [Declaration] = []
        if try await !connection.hasExchange() { missing = [.exchange] }
        try await connection.declare(missing + Declaration.bindings(of: self.subscription))
        guard !missing.isEmpty else { return }
        self.logger.warning(
            "The exchange was missing, so that no events arrived; it has been declared again with the bindings of the subscription"
        )
    }
}
