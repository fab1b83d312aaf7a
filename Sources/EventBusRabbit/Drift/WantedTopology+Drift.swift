// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension WantedTopology {
    /// A difference of one of its queues.
    func drift(
        _ kind: DriftKind,
        _ remedy: Drift.Remedy,
        _ queue: TopologyQueue,
        _ wanted: String,
        _ found: String,
        _ advice: String
    ) -> Drift {
        Drift(kind, remedy, of: self.subscription.name, "queue \(queue.name)", wanted: wanted, found: found, advice)
    }
}
