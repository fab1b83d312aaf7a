// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// What the benchmarks send.
public enum Samples {
    /// An event as the user module publishes it.
    public struct Registered: Event {
        public static let topic: Topic = "bench.registered"

        public let userID: Identifier
        public let username: String
        public let email: String
        public let number: Int

        /// Makes an event.
        public init(number: Int) {
            self.userID = Identifier(high: 0x0198_c3f0_7d1e_7a52, low: UInt64(number))
            self.username = "ada"
            self.email = "ada@example.org"
            self.number = number
        }
    }

    /// 256 bytes of JSON.
    public static let body: [UInt8] = Array((#"{"text":""# + String(repeating: "x", count: 256 - 11) + #""}"#).utf8)

    /// A message with everything that an event of this package has.
    public static func message(to topic: Topic) -> Message {
        let stamp = Stamp.next()
        return Message(
            id: stamp.id.description,
            topic: topic,
            source: "/bench",
            time: stamp.time,
            orderingKey: "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11",
            body: Self.body
        )
    }
}
