// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Connection handler with a scripted broker")
struct ConnectionHandlerTests {
    @Test("The handshake consists of greeting, login, tuning and opening")
    func handshake() throws {
        let script = try ScriptedBroker()
        let greeting = try script.channel.readOutbound(as: ByteBuffer.self)
        #expect(greeting.map { String(buffer: $0) }?.hasPrefix("AMQP") == true)
        try script.open()
        #expect(try script.written() == ["10.11", "10.31", "10.40"])
        #expect(try script.opened.wait().frameMax == 4096)
    }

    @Test(
        "The broker's version is what it says, if that can be read",
        arguments: [("4.3.6", [4, 3]), ("3.10.8", [3, 10]), ("5.0-rc.1", nil), ("4", nil), ("", nil), (nil, nil)]
            as [(String?, [Int]?)]
    )
    func version(_ text: String?, _ numbers: [Int]?) throws {
        let script = try ScriptedBroker()
        try script.open(version: text)
        #expect(script.handler.version.map { [$0.major, $0.minor] } == numbers)
    }

    @Test("When there are other hosts, a request is given up sooner")
    func replyPause() throws {
        for (pause, seconds) in [(ReplyPatience.pause, 20), (ReplyPatience.pauseAmongHosts, 6)] as [(TimeAmount, Int64)]
        {
            let script = try ScriptedBroker()
            try script.open()
            script.handler.replyPause = pause
            _ = script.handler.call(.channelOpen, on: try script.handler.openChannel())
            script.advance(by: .seconds(seconds) - .milliseconds(1))
            #expect(script.handler.failure == nil)
            script.advance(by: .milliseconds(1))
            #expect(script.handler.failure?.code == .silent)
        }
    }

    @Test("Heartbeats are sent, and the connection to a silent broker is closed")
    func heartbeats() throws {
        let script = try ScriptedBroker()
        try script.open()
        _ = try script.written()
        script.advance(by: .seconds(5))
        #expect(try script.written() == ["heartbeat"])
        script.advance(by: .seconds(15))
        #expect(script.handler.failure == nil)
        script.advance(by: .seconds(5))
        #expect(script.handler.failure?.code == .silent)
        #expect(!script.channel.isActive)
    }

    @Test("While this side does not read, it sends heartbeats and does not judge the broker's silence")
    func heartbeatsWithoutReading() throws {
        let script = try ScriptedBroker()
        try script.open()
        _ = try script.written()
        script.handler.readGate.isOpen = false
        for _ in 0..<20 { script.advance(by: .seconds(5)) }
        #expect(script.handler.failure == nil)
        #expect(try script.written().count == 20)
        script.handler.readGate.isOpen = true
        script.advance(by: .seconds(20))
        #expect(script.handler.failure == nil)
        script.advance(by: .seconds(5))
        #expect(script.handler.failure?.code == .silent)
    }

    @Test("While this side does not read, no request is given up; when it reads again, the answer has its full time")
    func requestsWithoutReading() throws {
        let script = try ScriptedBroker()
        try script.open()
        let request = script.handler.call(.channelOpen, on: try script.handler.openChannel())
        script.handler.readGate.isOpen = false
        // Longer than an answer may take in any case.
        for _ in 0..<200 { script.advance(by: .seconds(5)) }
        #expect(script.handler.failure == nil)
        script.handler.readGate.isOpen = true
        script.advance(by: .seconds(15))
        try script.send(20, 11, [0, 0, 0, 0], on: 1)
        _ = try request.wait()
        #expect(script.handler.failure == nil)
    }

    @Test("What is to be written is written when the consumer is cancelled while this side reads")
    func writtenAtTheEnd() throws {
        let script = try ScriptedBroker()
        try script.open()
        _ = try script.written()
        script.handler.send(.basicAck(tag: 1, multiple: true), on: 1)
        script.handler.fail(ConnectionFailure(.cancelled, "gone"))
        #expect(try script.written().contains("60.80"))
    }

    @Test("A connection that is closed reads again, for the broker's answer")
    func closingWithoutReading() throws {
        let script = try ScriptedBroker()
        try script.open()
        script.handler.readGate.isOpen = false
        script.handler.close()
        #expect(script.handler.readGate.isOpen)
    }

    @Test("Requests are answered in order, and all open ones fail with the channel")
    func requests() throws {
        let script = try ScriptedBroker()
        try script.open()
        _ = try script.written()
        let channel = try script.handler.openChannel()
        let first = script.handler.call(.channelOpen, on: channel)
        let second = script.handler.call(.confirmSelect, on: channel)
        let third = script.handler.call(.basicGet(queue: "q"), on: channel)
        #expect(try script.written() == ["20.10", "85.10", "60.70"])
        try script.send(20, 11, [0, 0, 0, 0], on: 1)
        try script.send(85, 11, on: 1)
        let answers = [try first.wait(), try second.wait()].map { answer -> ServerMethod? in
            guard case .method(let method) = answer else { return nil }
            return method
        }
        #expect(answers == [.channelOpenOk, .confirmSelectOk])
        try script.send(20, 40, [0x01, 0x96, 2] + Array("no".utf8) + [0, 0, 0, 0], on: 1)
        #expect(throws: ConnectionFailure(.channelClosed(406), "406 no")) { try third.wait() }
        #expect(try script.written() == ["20.41"])
        #expect(throws: ConnectionFailure(.channelClosed(406), "406 no")) {
            try script.handler.call(.confirmSelect, on: channel).wait()
        }
        #expect(script.handler.failure == nil)
    }

    @Test("An unanswered request ends the connection, and with it every other request")
    func unanswered() throws {
        let script = try ScriptedBroker()
        try script.open()
        let channel = try script.handler.openChannel()
        let other = try script.handler.openChannel()
        let request = script.handler.call(.channelOpen, on: channel)
        let otherRequest = script.handler.call(.channelOpen, on: other)
        for _ in 0..<4 {
            script.advance(by: .seconds(5))
            try script.channel.writeInbound(ByteBuffer(bytes: [8, 0, 0, 0, 0, 0, 0, 0xCE]))
        }
        #expect(throws: ConnectionFailure.self) { try request.wait() }
        #expect(throws: ConnectionFailure.self) { try otherRequest.wait() }
        #expect(script.handler.failure?.code == .silent)
    }

    @Test("Bytes that are not AMQP end the connection with an error that says so", arguments: [false, true])
    func malformed(_ isOpen: Bool) throws {
        let script = try ScriptedBroker()
        if isOpen { try script.open() }
        try script.channel.writeInbound(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
        #expect(script.handler.failure?.code == .malformed)
        #expect(!script.channel.isActive)
        if !isOpen { #expect(throws: ConnectionFailure.self) { try script.opened.wait() } }
    }

    @Test("Before the tuning large frames are refused, so that nesting is bounded")
    func earlyFrames() throws {
        let script = try ScriptedBroker()
        try script.channel.writeInbound(ByteBuffer(bytes: [1, 0, 0, 0, 0, 0x10, 0]))
        #expect(script.handler.failure?.code == .malformed)
    }

    @Test("When the socket is lost or the broker closes, everything that waits fails")
    func closing() throws {
        let script = try ScriptedBroker()
        try script.open()
        _ = try script.written()
        let channel = try script.handler.openChannel()
        let request = script.handler.call(.channelOpen, on: channel)
        _ = try script.written()
        try script.send(10, 50, [0x01, 0x40, 6] + Array("FORCED".utf8) + [0, 0, 0, 0])
        #expect(throws: ConnectionFailure(.closedByBroker(320), "320 FORCED")) { try request.wait() }
        #expect(try script.written() == ["10.51"])

        let lost = try ScriptedBroker()
        lost.channel.close(promise: nil)
        #expect(throws: ConnectionFailure.self) { try lost.opened.wait() }
    }

    @Test("The broker's alarm is reported, and so is its end")
    func blocked() throws {
        let script = try ScriptedBroker()
        try script.open()
        var reasons: [String?] = []
        script.handler.onBlocked = { reasons.append($0) }
        try script.send(10, 60, [3] + Array("low".utf8))
        #expect(script.handler.isBlocked)
        try script.send(10, 61)
        #expect(!script.handler.isBlocked)
        #expect(reasons == ["low", nil])
    }

    @Test("Answers have time as long as bytes arrive, and heartbeats are no progress")
    func slowly() throws {
        let script = try ScriptedBroker()
        try script.open()
        let channel = try script.handler.openChannel()
        let request = script.handler.call(.channelOpen, on: channel)
        // A large frame on its way.
        try script.channel.writeInbound(ByteBuffer(bytes: [3, 0, 2, 0, 0, 0x0F, 0]))
        for _ in 0..<10 {
            script.advance(by: .seconds(15))
            try script.channel.writeInbound(ByteBuffer(bytes: [0]))
        }
        #expect(script.handler.failure == nil)
        script.advance(by: .seconds(19))
        #expect(script.handler.failure == nil)
        script.advance(by: .seconds(1))
        #expect(throws: ConnectionFailure.self) { try request.wait() }
    }
}
