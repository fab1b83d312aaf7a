// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded

@testable import EventBusRabbit

/// A connection whose other end is the test.
struct ScriptedBroker {
    let channel: EmbeddedChannel
    let handler: ConnectionHandler
    let opened: EventLoopFuture<ConnectionState.Limits>

    init(on loop: EmbeddedEventLoop = EmbeddedEventLoop()) throws {
        self.channel = EmbeddedChannel(loop: loop)
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
        try self.channel.pipeline.syncOperations.addHandlers(self.handler.readGate, self.handler)
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

    /// The frames that this side has written since the last call, without the greeting.
    func frames() throws -> [Frame] {
        // A frame can come in pieces.
        var decoder = FrameDecoder(maximumFrame: 1 << 20)
        while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) {
            if bytes.getString(at: bytes.readerIndex, length: 4) != "AMQP" { decoder.append(bytes) }
        }
        var frames: [Frame] = []
        while let frame = try decoder.next() { frames.append(frame) }
        return frames
    }

    /// What this side has written since the last call: class and method, or the type of other frames.
    func written() throws -> [String] { try self.frames().map(\.name) }

    /// - Parameter version: the broker's, which must be short.
    func open(frameMax: UInt32 = 4096, version: String? = nil) throws {
        var table: [UInt8] = []
        if let version {
            table = [7] + Array("version".utf8)
            table += [UInt8(ascii: "S"), 0, 0, 0, UInt8(version.utf8.count)]
            table += Array(version.utf8)
        }
        var start: [UInt8] = [0, 9, 0, 0, 0, UInt8(table.count)] + table
        for text in ["PLAIN", "en_US"] { start += [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8) }
        try self.send(10, 10, start)
        try self.send(10, 30, [0, 0] + withUnsafeBytes(of: frameMax.bigEndian, Array.init) + [0, 60])
        try self.send(10, 41, [0])
    }

    func advance(by time: TimeAmount) { self.channel.embeddedEventLoop.advanceTime(by: time) }
}

extension Frame {
    /// Class and method, or the type of other frames.
    var name: String {
        let ids = self.payload.getMultipleIntegers(at: self.payload.readerIndex, as: (UInt16, UInt16).self)
        return self.kind == .method ? "\(ids?.0 ?? 0).\(ids?.1 ?? 0)" : "\(self.kind)"
    }
}
