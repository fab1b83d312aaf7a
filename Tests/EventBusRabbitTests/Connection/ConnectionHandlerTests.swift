// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Connection handler with a scripted broker")
struct ConnectionHandlerTests {
    /// A connection whose other end is the test.
    private struct Script {
        let channel = EmbeddedChannel()
        let handler: ConnectionHandler
        let opened: EventLoopFuture<ConnectionState.Limits>

        init() throws {
            let promise = self.channel.eventLoop.makePromise(of: ConnectionState.Limits.self)
            self.opened = promise.futureResult
            self.handler = ConnectionHandler(
                ConnectionState.Wishes(
                    login: .password(user: "u", password: "p"),
                    virtualHost: "/",
                    connectionName: "n",
                    heartbeat: 10
                ),
                opened: promise
            )
            try self.channel.pipeline.syncOperations.addHandler(self.handler)
            self.channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        }

        /// The broker sends a method, of which only the arguments are given.
        func send(_ classID: UInt16, _ methodID: UInt16, _ arguments: [UInt8] = [], on channel: UInt16 = 0) throws {
            var buffer = ByteBuffer()
            buffer.writeMultipleIntegers(UInt8(1), channel, UInt32(4 + arguments.count), classID, methodID)
            buffer.writeBytes(arguments)
            buffer.writeInteger(Frame.end)
            try self.channel.writeInbound(buffer)
        }

        /// What this side has written since the last call: class and method, or the type of other frames.
        func written() throws -> [String] {
            var decoder = FrameDecoder(maximumFrame: 1 << 20)
            var texts: [String] = []
            while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) {
                if bytes.getString(at: bytes.readerIndex, length: 4) == "AMQP" {
                    texts.append("AMQP")
                } else {
                    decoder.append(bytes)
                }
            }
            while let frame = try decoder.next() {
                let ids = frame.payload.getMultipleIntegers(at: frame.payload.readerIndex, as: (UInt16, UInt16).self)
                texts.append(frame.kind == .method ? "\(ids?.0 ?? 0).\(ids?.1 ?? 0)" : "\(frame.kind)")
            }
            return texts
        }

        func open() throws {
            try self.send(
                10,
                10,
                [0, 9, 0, 0, 0, 0, 0, 0, 0, 5] + Array("PLAIN".utf8) + [0, 0, 0, 5] + Array("en_US".utf8)
            )
            try self.send(10, 30, [0, 0, 0, 0, 0x10, 0, 0, 60])
            try self.send(10, 41, [0])
        }
    }

    @Test("The handshake consists of greeting, login, tuning and opening")
    func handshake() throws {
        let script = try Script()
        #expect(try script.written() == ["AMQP"])
        try script.open()
        #expect(try script.written() == ["10.11", "10.31", "10.40"])
        #expect(try script.opened.wait().frameMax == 4096)
    }

    @Test("Heartbeats are sent, and the connection to a silent broker is closed")
    func heartbeats() throws {
        let script = try Script()
        try script.open()
        _ = try script.written()
        script.channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        #expect(try script.written() == ["heartbeat"])
        script.channel.embeddedEventLoop.advanceTime(by: .seconds(15))
        #expect(script.handler.failure == nil)
        script.channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        #expect(script.handler.failure?.code == .silent)
        #expect(!script.channel.isActive)
    }

    @Test("While this side does not read, it sends heartbeats and does not judge the broker's silence")
    func heartbeatsWithoutReading() throws {
        let script = try Script()
        try script.open()
        _ = try script.written()
        script.handler.readGate.isOpen = false
        for _ in 0..<20 { script.channel.embeddedEventLoop.advanceTime(by: .seconds(5)) }
        #expect(script.handler.failure == nil)
        #expect(try script.written().count == 20)
        script.handler.readGate.isOpen = true
        script.channel.embeddedEventLoop.advanceTime(by: .seconds(20))
        #expect(script.handler.failure == nil)
        script.channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        #expect(script.handler.failure?.code == .silent)
    }

    @Test("A connection that is closed reads again, for the broker's answer")
    func closingWithoutReading() throws {
        let script = try Script()
        try script.open()
        script.handler.readGate.isOpen = false
        script.handler.close()
        #expect(script.handler.readGate.isOpen)
    }

    @Test("Requests are answered in order, and all open ones fail with the channel")
    func requests() throws {
        let script = try Script()
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
        let script = try Script()
        try script.open()
        let channel = try script.handler.openChannel()
        let other = try script.handler.openChannel()
        let request = script.handler.call(.channelOpen, on: channel)
        let otherRequest = script.handler.call(.channelOpen, on: other)
        for _ in 0..<4 {
            script.channel.embeddedEventLoop.advanceTime(by: .seconds(5))
            try script.channel.writeInbound(ByteBuffer(bytes: [8, 0, 0, 0, 0, 0, 0, 0xCE]))
        }
        #expect(throws: ConnectionFailure.self) { try request.wait() }
        #expect(throws: ConnectionFailure.self) { try otherRequest.wait() }
        #expect(script.handler.failure?.code == .silent)
    }

    @Test("Bytes that are not AMQP end the connection with an error that says so", arguments: [false, true])
    func malformed(_ isOpen: Bool) throws {
        let script = try Script()
        if isOpen { try script.open() }
        try script.channel.writeInbound(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
        #expect(script.handler.failure?.code == .malformed)
        #expect(!script.channel.isActive)
        if !isOpen { #expect(throws: ConnectionFailure.self) { try script.opened.wait() } }
    }

    @Test("Before the tuning large frames are refused, so that nesting is bounded")
    func earlyFrames() throws {
        let script = try Script()
        try script.channel.writeInbound(ByteBuffer(bytes: [1, 0, 0, 0, 0, 0x10, 0]))
        #expect(script.handler.failure?.code == .malformed)
    }

    @Test("When the socket is lost or the broker closes, everything that waits fails")
    func closing() throws {
        let script = try Script()
        try script.open()
        _ = try script.written()
        let channel = try script.handler.openChannel()
        let request = script.handler.call(.channelOpen, on: channel)
        _ = try script.written()
        try script.send(10, 50, [0x01, 0x40, 6] + Array("FORCED".utf8) + [0, 0, 0, 0])
        #expect(throws: ConnectionFailure(.closedByBroker(320), "320 FORCED")) { try request.wait() }
        #expect(try script.written() == ["10.51"])

        let lost = try Script()
        lost.channel.close(promise: nil)
        #expect(throws: ConnectionFailure.self) { try lost.opened.wait() }
    }

    @Test("The broker's alarm is reported, and so is its end")
    func blocked() throws {
        let script = try Script()
        try script.open()
        var reasons: [String?] = []
        script.handler.onBlocked = { reasons.append($0) }
        try script.send(10, 60, [3] + Array("low".utf8))
        #expect(script.handler.isBlocked)
        try script.send(10, 61)
        #expect(!script.handler.isBlocked)
        #expect(reasons == ["low", nil])
    }
}
