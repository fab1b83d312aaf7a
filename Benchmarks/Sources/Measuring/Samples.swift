// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// What the benchmarks send.
package enum Samples {
    /// An event as the user module publishes it.
    package struct Registered: Event {
        /// `bench.registered`.
        package static let topic: Topic = "bench.registered"

        /// Rises with the number.
        package let userID: Identifier
        /// The same for all.
        package let username: String
        /// The same for all.
        package let email: String
        /// Tells events apart.
        package let number: Int

        /// Creates an event.
        package init(number: Int) {
            self.userID = Identifier(high: 0x0198_c3f0_7d1e_7a52, low: UInt64(number))
            self.username = "ada"
            self.email = "ada@example.org"
            self.number = number
        }
    }

    /// 256 bytes of JSON.
    package static let body: [UInt8] = Array((#"{"text":""# + String(repeating: "x", count: 256 - 11) + #""}"#).utf8)

    /// A message with everything that an event of this package has.
    package static func message(to topic: Topic, body: [UInt8] = Self.body) -> Message {
        let stamp = Stamp.next()
        return Message(
            id: stamp.id.description,
            topic: topic,
            source: "/bench",
            time: stamp.time,
            orderingKey: "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11",
            body: body
        )
    }
}
