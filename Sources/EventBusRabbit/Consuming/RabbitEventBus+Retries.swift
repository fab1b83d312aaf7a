// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension RabbitEventBus {
    /// Declares a retry queue of an open subscription.
    ///
    /// On a connection of its own: a declaration that RabbitMQ cannot carry out ends the connection, and one that it doesn't answer
    /// does so too. On that of the consumer everything that it holds would come back and count a return, and the message that needs
    /// the queue would be the first to ask for it again.
    func declareRetryQueue(of subscription: SubscriptionName, _ delay: Duration) async -> RetryQueues.Answer {
        let declaration = Declaration.retryQueue(of: subscription, delay)
        do {
            return try await self.withConnection("\(subscription).retry") { connection in
                try await self.prepare(connection)
                let isThere = try await connection.count(of: Topology.retry(subscription, delay)) != nil
                // Also if it is there: only this shows that its arguments are others.
                try await connection.declare([declaration])
                return isThere ? .exists : .created
            }
        } catch {
            return .unusable(reason: declaration.reason(error))
        }
    }
}
