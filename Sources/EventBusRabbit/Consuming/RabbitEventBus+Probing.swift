// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

extension RabbitEventBus {
    /// Begins to probe whether the node of an open subscription belongs to the majority of its cluster.
    func probe(
        _ subscription: Subscription,
        _ session: NIOLoopBound<ConsumeSession>,
        on connection: RabbitConnection
    ) async throws {
        // Nothing is awaited from the broker: deliveries that nobody takes yet may stand before its answer.
        let binding = ClientMethod.queueBind(
            queue: subscription.name.description,
            exchange: Topology.exchange,
            routingKey: subscription.patterns[0].text
        )
        try await connection.onLoop { [hosts] _ in
            let probe = ClusterProbe(binding, on: connection, among: hosts) {
                session.value.situation
            } isAnsweredElsewhere: {
                connection.eventLoop.makeFutureWithTask {
                    await self.isAnswered(binding, without: connection.host)
                }
            }
            probe.start()
        }
    }

    /// Whether a host other than this one answers a request in time.
    private func isAnswered(_ request: ClientMethod, without host: RabbitConfiguration.Host) async -> Bool {
        guard let connection = try? await self.connect("probe", without: host) else { return false }
        let timer = connection.eventLoop.scheduleTask(in: ProbeTurns.patience) { connection.handler.value.close() }
        let answer = await Result {
            try await connection.call(request, on: connection.openChannel())
        }
        timer.cancel()
        await connection.close()
        return (try? answer.get()) != nil
    }
}
