// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

extension RabbitEventBus {
    /// Finds out what a connection to the broker allows.
    ///
    /// Nothing is changed, and no message is stored or taken.
    ///
    /// Waits until the bus runs.
    ///
    /// - Parameter subscriptions: whose queues are consumed, if they exist.
    /// - Throws: `BusError` with code `unavailable` or `connectionLost`.
    package func examine(_ subscriptions: [SubscriptionName]) async throws -> BrokerExamination {
        let clock = ContinuousClock()
        let start = clock.now
        return try await self.withConnection("doctor") { connection in
            let connecting = start.duration(to: clock.now)
            var trips: [Duration] = []
            for _ in 0..<3 {
                let start = clock.now
                let channel = try await connection.openChannel()
                trips.append(start.duration(to: clock.now))
                try await connection.call(.channelClose, on: channel)
            }
            let (version, limits) = try await connection.onLoop { ($0.version, $0.limits) }
            let trial = RightsTrial(connection: connection)
            var rights: [BrokerExamination.Right] = []
            for name in subscriptions {
                rights.append(.init("consume from \(name)", try await trial.consume(from: name.description)))
            }
            // Last, since a broker that accepts no messages answers nothing after them.
            if !subscriptions.isEmpty {
                let what = "publish to the default exchange, for retries and dead letters"
                rights.append(.init(what, try await trial.publish(to: "")))
            }
            rights.append(
                .init("publish to exchange \(Topology.exchange)", try await trial.publish(to: Topology.exchange))
            )
            return BrokerExamination(
                host: "\(connection.host)",
                version: version,
                channels: Int(limits?.channelMax ?? 0),
                frameBytes: limits?.frameMax ?? 0,
                heartbeat: Int(limits?.heartbeat ?? 0),
                connecting: connecting,
                roundTrip: trips.min() ?? .zero,
                rights: rights
            )
        }
    }
}
