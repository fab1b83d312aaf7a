// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Publishing with a scripted broker")
struct PublishSessionTests {
    @Test(
        "When the broker closes the channel only that is opened again, and a message that is too large is refused from then on"
    )
    func tooLarge() throws {
        let fixture = try PublishFixture()
        try fixture.publish(["a1"])
        try fixture.publish(["b1"], bodySize: 2000)
        try fixture.publish(["c1"])
        #expect(try fixture.published() == ["1 t.a", "1 t.b", "1 t.c"])
        let text = "PRECONDITION_FAILED - message size 2000 is larger than configured max size 1000"
        try fixture.closeChannel(406, text)
        let refusal = "refused: the body has 2000 bytes, the broker accepts at most 1000 (max_message_size)"
        #expect(fixture.known == ["a1": "unknown", "b1": refusal, "c1": "unknown"])
        #expect(fixture.isConnected)
        try fixture.publish(["a2", "c2"])
        fixture.broker.advance(by: .zero)
        let channel = try fixture.acceptChannel()
        try fixture.publish(["b2"], bodySize: 2000)
        #expect(fixture.known["b2"] == refusal)
        #expect(try fixture.published() == ["\(channel) t.a", "\(channel) t.c"])
        try fixture.acknowledge(2, multiple: true, on: channel)
        #expect(fixture.known["a2"] == "confirmed")
        #expect(fixture.known["c2"] == "confirmed")
        #expect(fixture.health.problems == [])
    }

    @Test("Which of several messages closes the channel is found by sending them alone, and the others are confirmed")
    func culprit() throws {
        let fixture = try PublishFixture()
        let text = "ACCESS_REFUSED - access to topic 't.b' in exchange 'events' in vhost '/' refused for user 'u'"
        try fixture.publish(["a1", "b1", "c1"])
        _ = try fixture.published()
        try fixture.closeChannel(403, text)
        #expect(fixture.known == ["a1": "unknown", "b1": "unknown", "c1": "unknown"])
        var channel = try fixture.acceptChannel()
        try fixture.publish(["a1", "b1", "c1"])
        #expect(try fixture.published() == ["\(channel) t.a"])
        try fixture.acknowledge(1, on: channel)
        #expect(try fixture.published() == ["\(channel) t.b"])
        try fixture.closeChannel(403, text, on: channel)
        #expect(fixture.known["b1"] == "refused: 403 \(text)")
        channel = try fixture.acceptChannel()
        #expect(try fixture.published() == ["\(channel) t.c"])
        try fixture.acknowledge(1, on: channel)
        #expect(fixture.known["c1"] == "confirmed")
        // From now on that topic is always alone, and others do not suffer.
        try fixture.publish(["a2", "b2", "c2"])
        #expect(try fixture.published() == ["\(channel) t.a"])
        try fixture.acknowledge(2, on: channel)
        #expect(try fixture.published() == ["\(channel) t.b"])
        try fixture.closeChannel(403, text, on: channel)
        channel = try fixture.acceptChannel()
        #expect(try fixture.published() == ["\(channel) t.c"])
        #expect(fixture.known["a2"] == "confirmed")
        #expect(fixture.isConnected)
    }

    @Test(
        "Without the right to publish everything fails at once with the broker's text, which stays until something is confirmed"
    )
    func noRight() throws {
        let fixture = try PublishFixture(.copies)
        let text = "403 ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'u'"
        try fixture.publish(["a1", "b1"])
        _ = try fixture.published()
        try fixture.closeChannel(403, String(text.dropFirst(4)))
        #expect(fixture.known == ["a1": "unknown", "b1": "unknown"])
        fixture.broker.advance(by: .seconds(4))
        let problem = "the broker has not let retries and dead letters be published: \(text)"
        #expect(fixture.health.problems == ["RabbitMQ: for 4 s \(problem)"])
        var channel = try fixture.acceptChannel()
        try fixture.publish(["c1", "d1"])
        // One message finds out whether the right is there.
        #expect(try fixture.published() == ["\(channel) t.c"])
        try fixture.closeChannel(403, String(text.dropFirst(4)), on: channel)
        #expect(fixture.known["c1"] == "not sent: RabbitMQ: \(text)")
        #expect(fixture.known["d1"] == "not sent: RabbitMQ: \(text)")
        fixture.broker.advance(by: .seconds(4))
        channel = try fixture.acceptChannel()
        #expect(fixture.health.problems == ["RabbitMQ: for 8 s \(problem)"])
        try fixture.publish(["e1", "f1"])
        #expect(try fixture.published() == ["\(channel) t.e"])
        try fixture.acknowledge(1, on: channel)
        #expect(fixture.health.problems == [])
        #expect(try fixture.published() == ["\(channel) t.f"])
        #expect(fixture.isConnected)
    }

    @Test("A missing exchange is declared again before the channel is opened")
    func missingExchange() throws {
        let fixture = try PublishFixture()
        try fixture.publish(["a1", "b1"])
        _ = try fixture.published()
        try fixture.closeChannel(404, "NOT_FOUND - no exchange 'events' in vhost '/'")
        try fixture.publish(["c1"])
        let channel = try fixture.acceptChannel()
        #expect(fixture.declared == 1)
        #expect(fixture.known == ["a1": "unknown", "b1": "unknown"])
        #expect(try fixture.published() == ["\(channel) t.c"])
        try fixture.acknowledge(1, on: channel)
        #expect(fixture.known["c1"] == "confirmed")
    }

    @Test("A channel that refuses a topic for ten seconds is replaced, and its open messages are still answered there")
    func refused() throws {
        let fixture = try PublishFixture()
        for number in 0...9 {
            try fixture.publish(["a\(number)"])
            try fixture.refuse(UInt8(number + 1))
            try fixture.advance(by: 1)
        }
        try fixture.publish(["b1", "a10"])
        _ = try fixture.published()
        try fixture.refuse(12)
        let channel = try fixture.acceptChannel()
        #expect(channel == 2)
        try fixture.acknowledge(11)
        #expect(fixture.known["b1"] == "confirmed")
        try fixture.publish(["a11"])
        #expect(try fixture.broker.written() == ["20.40", "60.40", "header", "body"])
        try fixture.acknowledge(1, on: channel)
        #expect(fixture.known["a11"] == "confirmed")
        #expect(fixture.isConnected)
        #expect(fixture.health.notes.count == 1)
        #expect(fixture.health.notes.first?.contains("the channel for events was replaced 0 s ago") == true)
    }

    @Test("When a new channel refuses everything as well the connection is replaced")
    func refusedAgain() throws {
        let fixture = try PublishFixture()
        for number in 0..<10 {
            try fixture.publish(["a\(number)"])
            try fixture.refuse(UInt8(number + 1))
            try fixture.advance(by: 1)
        }
        #expect(fixture.health.problems.count == 1)
        try fixture.publish(["a10"])
        try fixture.refuse(11)
        let channel = try fixture.acceptChannel()
        for number in 0..<11 {
            #expect(fixture.isConnected)
            try fixture.publish(["b\(number)"])
            try fixture.refuse(UInt8(number + 1), on: channel)
            try fixture.advance(by: 1)
        }
        #expect(!fixture.isConnected)
    }

    @Test("A silent channel is replaced, and a second silent one means that the connection is")
    func silent() throws {
        let fixture = try PublishFixture()
        try fixture.publish(["a1"])
        try fixture.advance(by: 12)
        #expect(
            fixture.health.problems == ["RabbitMQ: no event was confirmed for 12 s, waiting: 1"]
        )
        try fixture.advance(by: 18)
        #expect(fixture.known == ["a1": "unknown"])
        #expect(fixture.isConnected)
        let channel = try fixture.acceptChannel()
        try fixture.publish(["a2"])
        #expect(try fixture.published() == ["\(channel) t.a"])
        try fixture.advance(by: 9)
        #expect(fixture.isConnected)
        try fixture.advance(by: 1)
        #expect(!fixture.isConnected)
        #expect(fixture.known["a2"] == "unknown")
    }

    @Test("When no channel is opened in the place of another one the connection is replaced", arguments: [false, true])
    func stuck(_ isSilent: Bool) throws {
        let fixture = try PublishFixture()
        try fixture.publish(["a1", "c1"])
        try fixture.advance(by: 29)
        if !isSilent { try fixture.acknowledge(2) }
        try fixture.advance(by: 3)
        #expect(fixture.known == ["a1": "unknown", "c1": isSilent ? "unknown" : "confirmed"])
        #expect(fixture.isConnected)
        try fixture.publish(["b1"])
        try fixture.advance(by: 1)
        #expect(!fixture.isConnected)
        #expect(fixture.known["b1"]?.hasPrefix("not sent") == true)
    }

    @Test("A lost confirm replaces the channel without an effect on other messages")
    func lostConfirm() throws {
        let fixture = try PublishFixture()
        try fixture.publish(["a1"])
        try fixture.advance(by: 29)
        try fixture.publish(["b1", "c1"])
        try fixture.acknowledge(2)
        try fixture.advance(by: 1)
        #expect(fixture.known == ["a1": "unknown", "b1": "confirmed"])
        let channel = try fixture.acceptChannel()
        try fixture.publish(["d1"])
        #expect(try fixture.published() == ["\(channel) t.d"])
        try fixture.acknowledge(3)
        #expect(fixture.known["c1"] == "confirmed")
        // Nothing more is expected of the first one.
        #expect(try fixture.broker.written() == ["20.40"])
        #expect(fixture.isConnected)
    }

    @Test("Copies wait as long as the broker accepts no messages, and events fail in time")
    func blocked() throws {
        for kind in [LaneActivity.Kind.copies, .events] {
            let fixture = try PublishFixture(kind)
            try fixture.publish(["a1"])
            try fixture.broker.send(10, 60, [3] + Array("low".utf8))
            try fixture.publish(["b1"])
            try fixture.advance(by: 100)
            let failed = ["a1": "unknown", "b1": "not sent: RabbitMQ: the broker accepts no messages"]
            #expect(fixture.known == (kind == .copies ? [:] : failed))
            try fixture.broker.send(10, 61)
            try fixture.acknowledge(1)
            #expect(fixture.known["a1"] == (kind == .copies ? "confirmed" : "unknown"))
            #expect(try fixture.published() == (kind == .copies ? ["1 t.a", "1 t.b"] : ["1 t.a"]))
            #expect(fixture.isConnected)
        }
    }

    @Test("What has not been written of a batch that is cancelled is never written")
    func cancelled() throws {
        let fixture = try PublishFixture(.copies)
        try fixture.publish(["a1"])
        try fixture.broker.send(10, 60, [3] + Array("low".utf8))
        try fixture.publish(["b1", "b2"])
        try fixture.publish(["c1"])
        for id in 1...2 { fixture.queue.cancel(UInt64(id), BusError(.connectionLost, "interrupted")) }
        fixture.run()
        let cancelled = "not sent: RabbitMQ: publishing was cancelled"
        #expect(fixture.known == ["b1": cancelled, "b2": cancelled])
        try fixture.broker.send(10, 61)
        #expect(try fixture.published() == ["1 t.a", "1 t.c"])
    }

    @Test("When the connection ends everything gets its outcome, also while there is no channel")
    func ended() throws {
        let fixture = try PublishFixture()
        try fixture.publish(["a1"])
        try fixture.closeChannel(406, "PRECONDITION_FAILED - odd")
        try fixture.publish(["b1"])
        #expect(fixture.known == ["a1": "refused: 406 PRECONDITION_FAILED - odd"])
        fixture.broker.handler.fail(ConnectionFailure(.lost, "gone"))
        fixture.broker.advance(by: .seconds(1))
        #expect(fixture.known["b1"] == "not sent: RabbitMQ: gone")
    }
}
