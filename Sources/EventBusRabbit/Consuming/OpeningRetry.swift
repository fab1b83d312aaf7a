// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import ServiceLifecycle

/// When to open a subscription again that the broker has answered and could not serve: a pure state machine for all of a bus.
///
/// After its start, and after the loss of a node, RabbitMQ accepts connections before every queue has a leader. It then ends whatever
/// wants to consume from such a queue, with 541 or 404. That is over soon, so the long pause that follows other failures would be wrong.
struct OpeningRetry {
    /// By this each pause is longer than the one before.
    static let step = Duration.milliseconds(250)
    /// After that many in a row the failure is told, and the pauses are those after any other.
    static let most = 8

    /// How often in a row each subscription could not be served.
    private var counts: [SubscriptionName: Int] = [:]

    /// - Returns: how long to wait, about; `nil` if that would change nothing, or has changed nothing.
    mutating func next(after error: any Error, of subscription: SubscriptionName) -> Duration? {
        let failure = error as? ConnectionFailure ?? (error as? BusError)?.cause as? ConnectionFailure
        guard let failure, Self.isTransient(failure) else {
            self.ended(subscription)
            return nil
        }
        let count = self.counts[subscription, default: 0] + 1
        guard count <= Self.most else { return nil }
        self.counts[subscription] = count
        return Self.step * count
    }

    /// Waits, but no longer than until the program shuts down.
    ///
    /// - Returns: whether to try again.
    /// - Throws: `CancellationError`.
    static func goesOn(after pause: Duration) async throws -> Bool {
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
        try Task.checkCancellation()
        return !Task.isShuttingDownGracefully
    }

    /// The subscription was opened, or has failed for another reason.
    mutating func ended(_ subscription: SubscriptionName) {
        self.counts[subscription] = nil
    }

    static func isTransient(_ failure: ConnectionFailure) -> Bool {
        switch failure.code {
        case .closedByBroker(541), .channelClosed(541): true
        // "home node 'a@b' of durable queue 'q' in vhost '/' is down or inaccessible", "queue 'q' in vhost '/' process is stopped …"
        case .channelClosed(404): failure.text.contains("inaccessible") || failure.text.contains("is stopped")
        default: false
        }
    }
}
