// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation

/// Makes dead letters without a consumer.
enum DeadLetters {
    static let time = Date(timeIntervalSince1970: 1_767_225_600)

    static func letter(
        id: String = "1",
        topic: Topic = "user.created",
        reason: String = "no use",
        deadAt: Date = DeadLetters.time,
        body: [UInt8] = Array("{}".utf8)
    ) -> DeadLetter {
        DeadLetter(
            message: Message(id: id, topic: topic, source: "/test", time: DeadLetters.time, body: body),
            reason: reason,
            failures: Failures(count: 5, firstAt: DeadLetters.time, lastReason: "no"),
            deadAt: deadAt
        )
    }

    /// Publishes events with these ids and makes dead letters of them; the reason is "bad" and the rest of the id by three.
    static func bury(_ count: Int, of subscription: Subscription, topic: Topic, on bus: any EventBus) async throws {
        try await bus.withDeliveries(to: subscription) { deliveries in
            let messages = (1...count).map { number in
                Message(id: "\(number)", topic: topic, source: "/test", time: DeadLetters.time, body: Array("{}".utf8))
            }
            _ = await bus.publish(messages)
            var settled = 0
            while settled < count, let batch = try await deliveries.next() {
                for delivery in batch {
                    let number = Int(delivery.message.id) ?? 0
                    deliveries.settle(delivery.id, .deadLetter(reason: "bad \(number % 3)", Failures(count: 5)))
                }
                settled += batch.count
            }
            try await deliveries.flush()
        }
    }
}
