// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore

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

    /// Repairs again and again, until the task is cancelled or the subscription's connection is closed.
    ///
    /// A failure is tried again soon, and told when it happens twice in a row: a cluster may be choosing a new leader.
    ///
    /// - Parameter interval: the seconds between two repairs, chosen at random so that consumers don't all come at once.
    func run(every interval: ClosedRange<Double>) async {
        // That of the subscription's connection stays open, as opening one costs RabbitMQ more than all requests on it.
        var channel: NIOLoopBound<AMQPChannel>?
        var failures = 0
        defer { self.status.note(unrepaired: nil, of: self.subscription.name) }
        while (try? await Task.sleep(for: Self.pause(every: interval, after: failures))) != nil {
            do {
                channel = try await self.connection.untilCancelled { [channel] in try await self.repair(on: channel) }
                failures = 0
                self.status.note(unrepaired: nil, of: self.subscription.name)
            } catch {
                guard !Task.isCancelled, self.connection.channel.isActive else { return }
                channel = nil
                failures += 1
                if failures > 1 { self.tell(error) }
            }
        }
    }

    static func pause(every interval: ClosedRange<Double>, after failures: Int) -> Duration {
        guard failures == 1 else { return .seconds(.random(in: interval)) }
        return .seconds(min(.random(in: 2...5), interval.upperBound))
    }

    private func tell(_ error: any Error) {
        self.status.note(unrepaired: (error as? BusError)?.message ?? "\(error)", of: self.subscription.name)
        self.logger.warning("The exchange or the bindings could not be repeated: events may not arrive", error: error)
    }

    /// Declares the exchange if it is missing, those of shards too, and everything that is bound to them.
    ///
    /// - Parameter channel: the one of the last time.
    /// - Returns: the channel for the next time, if there is one.
    private func repair(on channel: NIOLoopBound<AMQPChannel>?) async throws -> NIOLoopBound<AMQPChannel>? {
        let connection = try await self.requests()
        let isOwn = connection.channel === self.connection.channel
        let open = if isOwn, let channel { channel } else { try await connection.openChannel() }
        let bindings = Declaration.bindings(of: self.subscription)
        if try await connection.bind(bindings, on: open) {
            if isOwn { return open }
            try await connection.call(.channelClose, on: open)
            return nil
        }
        try await connection.declare([.exchange] + bindings)
        self.logger.warning(
            "The exchange was missing, so that no events arrived; it has been declared again with the bindings of the subscription"
        )
        return nil
    }
}
