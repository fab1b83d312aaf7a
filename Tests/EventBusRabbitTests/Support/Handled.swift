// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// A consumer that opens its subscription again when it is interrupted, and the ids of what it has handled.
final class Handled: Sendable {
    private let state = Mutex<Set<String>>([])

    var ids: Set<String> { self.state.withLock { $0 } }

    func consume(_ subscription: Subscription, from bus: any EventBus) async throws {
        while !Task.isCancelled {
            do {
                try await bus.withDeliveries(to: subscription) { deliveries in
                    while let batch = try await deliveries.next() {
                        for delivery in batch {
                            self.state.withLock { _ = $0.insert(delivery.message.id) }
                            deliveries.settle(delivery.id, .done)
                        }
                    }
                }
            } catch is CancellationError {
                return
            } catch {
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }
}
