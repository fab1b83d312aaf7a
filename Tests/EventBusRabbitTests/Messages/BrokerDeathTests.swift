// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Messages that RabbitMQ has dead-lettered by itself")
struct BrokerDeathTests {
    private static let expired: HeaderValue = .table([
        "count": .int(1), "reason": .string("expired"), "queue": .string("s.retry.1"), "exchange": .string(""),
        "routing-keys": .array([.string("s.retry.1")]), "time": .timestamp(.init(seconds: 50)),
    ])
    private static let limit: HeaderValue = .table([
        "count": .int(3), "reason": .string("delivery_limit"), "queue": .string("s"), "exchange": .string("events"),
        "routing-keys": .array([.string("user.created"), .string("other")]), "time": .timestamp(.init(seconds: 60)),
    ])

    private func dead(
        _ deaths: HeaderValue,
        _ headers: [(String, HeaderValue)] = [],
        type: String? = nil
    ) throws -> ReceivedMessage {
        var properties = Properties()
        properties.type = type
        return ReceivedMessage(
            try IncomingMessage.delivered(
                tag: 1,
                redelivered: false,
                exchange: "",
                routingKey: "s.dead",
                properties: properties,
                headers: HeaderTable([("x-death", deaths)] + headers),
                body: ByteBuffer(string: "{}")
            )
        )
    }

    @Test("The reason and the time are those of the latest entry")
    func reason() throws {
        let letter = try self.dead(.array([Self.limit, Self.expired])).deadLetter()
        #expect(letter.reason == "RabbitMQ: delivery limit reached (queue s, 3 times)")
        #expect(letter.deadAt == .init(seconds: 60))
        let expired = try self.dead(.array([Self.expired, Self.limit])).deadLetter()
        #expect(expired.reason == "RabbitMQ: message expired (queue s.retry.1, once)")
    }

    @Test(
        "Reasons have plain names, and new ones are told as they are",
        arguments: [("maxlen", "queue was full"), ("rejected", "rejected"), ("whatever", "whatever")]
    )
    func reasons(_ name: String, _ text: String) throws {
        let death = BrokerDeath(.array([.table(["reason": .string(name), "queue": .string("q")])]))
        #expect(death?.description == "RabbitMQ: \(text) (queue q, once)")
    }

    @Test(
        "The topic is the routing key with which the message was published, and with it the derived id stays the same"
    )
    func topic() throws {
        let letter = try self.dead(.array([Self.expired, Self.limit]), type: "a type")
        #expect(letter.message().topic.name == "user.created")
        let original = ReceivedMessage(
            try IncomingMessage.delivered(
                tag: 1,
                redelivered: false,
                exchange: "events",
                routingKey: "user.created",
                properties: Properties(),
                headers: HeaderTable(),
                body: ByteBuffer(string: "{}")
            )
        )
        #expect(letter.messageID == original.messageID)
        let copy = try self.dead(.array([Self.limit]), [("x-topic", .string("copied"))])
        #expect(copy.message().topic.name == "copied")
    }

    @Test("What the engine has said of a dead letter counts more")
    func engine() throws {
        let letter = try self.dead(.array([Self.limit]), [("x-dead-reason", .string("no account"))]).deadLetter()
        #expect(letter.reason == "no account")
        #expect(letter.deadAt == .init(seconds: 0))
    }

    @Test("A dead letter that moves to another subscription keeps its reason, although the broker's notes are dropped")
    func moved() throws {
        let letter = try self.dead(.array([Self.limit]))
        let copy = MessageCopy.movedDead(letter, to: "t")
        #expect(copy.headers["x-death"] == nil)
        #expect(try copy.received().deadLetter() == letter.deadLetter())
        let bare = try MessageCopy.movedDead(self.dead(.null), to: "t")
        #expect(bare.headers["x-dead-reason"] == nil && bare.headers["x-dead-at"] == nil)
    }

    @Test(
        "Notes of another form than RabbitMQ's tell nothing",
        arguments: [
            .null, .string("delivery_limit"), .array([]), .array([.string("x")]), .array([.table([:])]),
            .array([.table(["reason": .int(1)])]),
        ] as [HeaderValue]
    )
    func malformed(_ header: HeaderValue) throws {
        #expect(BrokerDeath(header) == nil)
        #expect(try self.dead(header).deadLetter().reason == "")
    }

    @Test("Names that are too long are cut short, and odd values are left out")
    func odd() {
        let entry: [String: HeaderValue] = [
            "reason": .string(String(repeating: "r", count: 300)), "queue": .int(1), "count": .string("many"),
            "time": .int(3), "exchange": .string("events"), "routing-keys": .string("k"),
        ]
        let death = BrokerDeath(.array([.table(entry)]))
        #expect(death?.description == "RabbitMQ: \(String(repeating: "r", count: 255)) (queue , once)")
        #expect(death?.time == nil && death?.topic == nil)
    }
}
