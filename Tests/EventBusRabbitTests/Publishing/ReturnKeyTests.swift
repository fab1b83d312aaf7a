// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Recognizing a message that comes back")
struct ReturnKeyTests {
    private func event(_ id: String, _ topic: Topic, requiresSubscriber: Bool = true) -> Outgoing {
        .event(Message(id: id, topic: topic, time: Stamp.next().time, requiresSubscriber: requiresSubscriber, body: []))
    }

    private func copy(_ id: String, queue: String, mandatory: Bool = true) -> Outgoing {
        .copy(
            OutgoingMessage(
                exchange: "",
                routingKey: queue,
                mandatory: mandatory,
                properties: Properties(messageID: id),
                headers: HeaderTable(),
                body: ByteBuffer()
            )
        )
    }

    @Test("An event and its copies have the same id, and are told apart by where they were sent")
    func places() {
        #expect(
            self.event("same", "t.a").returnKey
                == ReturnKey(messageID: "same", exchange: Topology.exchange, routingKey: "t.a")
        )
        #expect(self.copy("same", queue: "q").returnKey == ReturnKey(messageID: "same", exchange: "", routingKey: "q"))
    }

    @Test("What is not mandatory cannot come back")
    func optional() {
        #expect(self.event("a", "t.a", requiresSubscriber: false).returnKey == nil)
        #expect(self.copy("a", queue: "q", mandatory: false).returnKey == nil)
    }
}
