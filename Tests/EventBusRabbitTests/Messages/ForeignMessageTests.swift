// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Foreign messages and copies")
struct ForeignMessageTests {
    private func message(
        routingKey: String = "user.created",
        exchange: String = "events",
        redelivered: Bool = false,
        _ properties: Properties = Properties(),
        _ headers: [(String, HeaderValue)] = []
    ) throws -> ReceivedMessage {
        ReceivedMessage(
            try IncomingMessage.delivered(
                tag: 1,
                redelivered: redelivered,
                exchange: exchange,
                routingKey: routingKey,
                properties: properties,
                headers: HeaderTable(headers),
                body: ByteBuffer(string: "{}")
            )
        )
    }

    @Test("Copies and ids leave out what does not fit into a table or a property, so that they can always be sent")
    func oversized() throws {
        let name = String(repeating: "\u{FFFD}", count: 100)
        let long = String(repeating: "x", count: 100_000)
        let headers: [(String, HeaderValue)] = [
            (name, .int(1)), ("x-tenant", .int(2)), ("x-topic", .string(long)), ("cloudEvents_id", .string(long)),
        ]
        let message = try self.message(exchange: "", Properties(), headers)
        #expect(message.messageID.hasPrefix("sha256-"))
        let copy = MessageCopy.quarantined(message, of: "payments.accounts")
        #expect(copy.headers.entries.allSatisfy { $0.name.utf8.count <= 255 })
        #expect(copy.headers.encodedLength < MessageCopy.maximumHeaderBytes + 4096)
        #expect(try copy.received().topicName.utf8.count == 255)
    }

    @Test("A body and a routing key are enough, and the id is always the same")
    func bare() throws {
        let message = try self.message().message()
        // printf 'user.created\0{}' | sha256sum
        #expect(message.id == "sha256-2570215d8dd050dc48bd6846fd31b3c7eb2c83eb599396ff14a81e1dbca50dbb")
        #expect(message.topic.name == "user.created")
        #expect(message.type == "user.created")
        #expect(message.version == 1)
        #expect(message.source == "")
        #expect(message.time == .init(seconds: 0))
        #expect(message.orderingKey == nil)
        #expect(message.contentType == "application/json")
        #expect(message.headers.isEmpty)
        #expect(message.body == Array("{}".utf8))
    }

    @Test("Routing keys that are not topics are carried unchanged", arguments: ["", "a..b", " ", "*", "#.x"])
    func oddKeys(_ routingKey: String) throws {
        #expect(try self.message(routingKey: routingKey).message().topic.name == routingKey)
    }

    @Test("Headers of the wrong type count as missing")
    func wrongTypes() throws {
        let wrong = HeaderValue.table(["a": .array([.null])])
        let names = [
            "x-attempt", "x-returns", "x-event-version", "x-ordering-key", "x-first-failed-at", "cloudEvents_time",
            "x-redrives",
        ]
        let message = try self.message(Properties(), names.map { ($0, wrong) } + [("x-attempt", .int(-5))])
        #expect(message.failures == Failures())
        #expect(message.returnsBefore == 0)
        #expect(message.redrives == 0)
        #expect(message.message().version == 1)
        #expect(message.message().orderingKey == nil)
        #expect(message.message().headers.isEmpty)
        #expect(try self.message(Properties(), [("x-attempt", .int(.max))]).failures.count == 1_000_000)
    }

    @Test("The broker's count of returns is believed only for a redelivery")
    func returns() throws {
        let headers: [(String, HeaderValue)] = [("x-delivery-count", .int(3)), ("x-returns", .int(2))]
        #expect(try self.message(Properties(), headers).returnsHere == 0)
        #expect(try self.message(redelivered: true, Properties(), headers).returnsHere == 3)
        #expect(try self.message(redelivered: true).returnsHere == 1)
        #expect(try self.message(Properties(), headers).returnsBefore == 2)
    }

    @Test("Copies keep id and topic of a bare message, even through several queues")
    func copies() throws {
        let original = try self.message()
        let quarantined = try MessageCopy.quarantined(original, of: "s").received()
        #expect(quarantined.returnsBefore == 2)
        let failures = Failures(count: 2, lastReason: "no account")
        let retry = try MessageCopy.retry(quarantined, of: "s", after: .seconds(10), failures).received()
        #expect(retry.returnsBefore == 0)
        #expect(retry.failures == failures)
        #expect(retry.message() == original.message())
        let copy = MessageCopy.dead(retry, of: "s", reason: "why", Failures(count: 3), at: .init(seconds: 60))
        #expect(copy.routingKey == "s.dead")
        #expect(copy.headers["x-dead-reason"] == .string("why"))
        #expect(copy.headers["x-dead-at"] == .string("1970-01-01T00:01:00Z"))
        #expect(try copy.received().message() == original.message())
    }

    @Test("A redriven copy starts again, counts one more redrive and goes to the subscription only")
    func redriven() throws {
        let headers: [(String, HeaderValue)] = [("x-ordering-key", .string("k")), ("x-returns", .int(2))]
        let dead = try MessageCopy.dead(
            try self.message(Properties(), headers),
            of: "s",
            reason: "why",
            Failures(count: 3, firstAt: .init(seconds: 5), lastReason: "gone"),
            at: .init(seconds: 60)
        ).received()
        let letter = dead.deadLetter()
        #expect(letter.reason == "why")
        #expect(letter.failures == Failures(count: 3, firstAt: .init(seconds: 5), lastReason: "gone"))
        #expect(letter.deadAt == .init(seconds: 60))
        #expect(letter.redrives == 0)
        let copy = MessageCopy.redriven(dead, of: "s")
        #expect(copy.exchange == "")
        #expect(copy.routingKey == "s")
        #expect(copy.mandatory)
        #expect(copy.headers.entries.map(\.name).sorted() == ["x-ordering-key", "x-redrives", "x-topic"])
        let again = try copy.received()
        #expect(again.failures == Failures())
        #expect(again.returnsBefore == 0)
        #expect(again.redrives == 1)
        #expect(again.message() == dead.message())
        #expect(try MessageCopy.redriven(again, of: "s").received().redrives == 2)
    }

    @Test("A copy for a sharded subscription is chosen by what the producer set, and by the ordering key otherwise")
    func throughShards() throws {
        let key: (String, HeaderValue) = ("x-ordering-key", .string("k"))
        let bucket: (String, HeaderValue) = ("x-ordering-bucket", .string("7"))
        for (headers, expected) in [([key], "\(OrderingBucket.of("k"))"), ([key, bucket], "7"), ([], nil)] {
            let message = try self.message(Properties(), headers)
            let copy = MessageCopy.redriven(message, of: "s").throughShards(of: "s", key: message.orderingKey)
            #expect(copy.exchange == "s.shards")
            let entry = copy.headers.entries.first { $0.name == "x-ordering-bucket" }
            #expect(entry?.value == expected.map { .string($0) })
            #expect(try copy.received().topicName == "user.created")
        }
    }

    @Test("What is given back or moved keeps everything, and its returns are those of its earlier life")
    func givenBack() throws {
        let headers: [(String, HeaderValue)] = [
            ("x-attempt", .int(2)), ("x-first-failed-at", .string("1970-01-01T00:00:05Z")),
            ("x-last-failure", .string("no")),
            ("x-redrives", .int(1)), ("x-returns", .int(1)), ("x-delivery-count", .int(3)), ("x-tenant", .int(7)),
        ]
        let message = try self.message(redelivered: true, Properties(), headers)
        for (copy, queue) in [
            (MessageCopy.givenBack(message, of: "s"), "s"), (MessageCopy.moved(message, from: .none, to: "t"), "t"),
        ] {
            #expect(copy.routingKey == queue)
            #expect(copy.mandatory)
            let again = try copy.received()
            #expect(again.returns == 4)
            #expect(again.returnsHere == 0)
            #expect(again.failures == Failures(count: 2, firstAt: .init(seconds: 5), lastReason: "no"))
            #expect(again.redrives == 1)
            #expect(again.message() == message.message())
        }
        #expect(try MessageCopy.moved(message, from: .perKey, to: "t").received().returns == 1)
        let fresh = MessageCopy.givenBack(try self.message(), of: "s")
        #expect(fresh.headers.entries.map(\.name) == ["x-topic"])
    }

    @Test("A dead letter is moved as it is")
    func movedDead() throws {
        let failures = Failures(count: 3, firstAt: .init(seconds: 5), lastReason: "gone")
        let copy = MessageCopy.dead(try self.message(), of: "s", reason: "why", failures, at: .init(seconds: 60))
        let moved = MessageCopy.movedDead(try copy.received(), to: "t")
        #expect(moved.routingKey == "t.dead")
        #expect(try moved.received().deadLetter() == copy.received().deadLetter())
    }

    @Test("Every copy keeps the number of redrives, even if headers have to be left out")
    func redrives() throws {
        let large: [(String, HeaderValue)] = [
            ("x-redrives", .int(3)), ("x-event-version", .string(String(repeating: "1", count: 120_000))),
        ]
        let message = try self.message(Properties(), large)
        let copies = [
            MessageCopy.quarantined(message, of: "s"),
            MessageCopy.retry(message, of: "s", after: .seconds(1), Failures(count: 1)),
            MessageCopy.dead(message, of: "s", reason: "", Failures(count: 1), at: .init(seconds: 0)),
        ]
        #expect(try copies.map { try $0.received().redrives } == [3, 3, 3])
        #expect(try MessageCopy.redriven(message, of: "s").received().redrives == 4)
    }

    @Test("A dead letter from another program may have no reason and no time")
    func foreignDeadLetter() throws {
        let letter = try self.message(routingKey: "s.dead").deadLetter()
        #expect(letter.reason == "")
        #expect(letter.failures == Failures())
        #expect(letter.deadAt == .init(seconds: 0))
    }

    @Test("Returns are the greater of the broker's counts, of which only one rises after a consumer timeout")
    func counts() throws {
        func returns(_ names: [(String, Int64)]) throws -> Int {
            let message = try IncomingMessage.delivered(
                tag: 1,
                redelivered: true,
                exchange: "events",
                routingKey: "a",
                properties: Properties(),
                headers: HeaderTable(names.map { ($0, .int($1)) }),
                body: ByteBuffer()
            )
            return ReceivedMessage(message).returnsHere
        }
        #expect(try returns([("x-delivery-count", 1), ("x-acquired-count", 4)]) == 4)
        #expect(try returns([("x-acquired-count", 2), ("x-delivery-count", 3)]) == 3)
        #expect(try returns([("x-acquired-count", 2)]) == 2)
        #expect(try returns([]) == 1)
    }

    @Test("Copies leave out what the broker added and what would make them expire or go elsewhere")
    func stripped() throws {
        var properties = Properties()
        properties.expiration = "1"
        properties.userID = "somebody"
        properties.correlationID = "kept"
        let names = ["x-death", "x-first-death-queue", "x-last-death-reason", "x-delivery-count", "CC", "BCC", "kept"]
        let copy = MessageCopy.quarantined(try self.message(properties, names.map { ($0, .string("v")) }), of: "s")
        #expect(copy.headers.entries.map(\.name).sorted() == ["kept", "x-returns", "x-topic"])
        #expect(copy.properties.expiration == nil)
        #expect(copy.properties.userID == nil)
        #expect(copy.properties.correlationID == "kept")
        #expect(copy.mandatory)
    }

    @Test("A copy always fits: long reasons are cut between characters, headers that are too large are left out")
    func fitting() throws {
        let large = HeaderTable([
            ("h", .string(String(repeating: "x", count: 120_000))), ("x-attempt", .int(1)),
        ])
        var header = ByteBuffer()
        try PropertyCodec.encode(
            Properties(type: String(repeating: "~", count: 255)),
            large,
            bodySize: 0,
            into: &header
        )
        // A type of bytes that are not UTF-8, which take three times the space when they are replaced.
        header = ByteBuffer(bytes: header.readableBytesView.map { $0 == UInt8(ascii: "~") ? 0xFF : $0 })
        let message = IncomingMessage(
            .basicDeliver(tag: 1, redelivered: false, exchange: "events", routingKey: "user.created"),
            header: header,
            try PropertyCodec.places(in: header),
            body: ByteBuffer()
        )
        #expect(message?.properties.type?.utf8.count == 765)
        let copy = MessageCopy.dead(
            ReceivedMessage(try #require(message)),
            of: "s",
            reason: String(repeating: "ä", count: 5000),
            Failures(count: 1),
            at: .init(seconds: 0)
        )
        var buffer = ByteBuffer()
        try FrameEncoder.publish(copy, channel: 1, maximumFrame: 131_072, into: &buffer)
        #expect(copy.headers["x-dead-reason"] == .string(String(repeating: "ä", count: 1000)))
        #expect(copy.headers["h"] == nil)
    }
}
