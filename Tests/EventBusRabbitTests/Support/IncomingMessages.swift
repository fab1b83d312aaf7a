// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

extension IncomingMessage {
    /// A message as a broker might deliver it.
    static func delivered(
        tag: UInt64,
        redelivered: Bool,
        exchange: String,
        routingKey: String,
        properties: Properties,
        headers: HeaderTable,
        body: ByteBuffer
    ) throws -> IncomingMessage {
        let method = ServerMethod.basicDeliver(
            tag: tag,
            redelivered: redelivered,
            exchange: exchange,
            routingKey: routingKey
        )
        var header = ByteBuffer()
        try PropertyCodec.encode(properties, headers, bodySize: body.readableBytes, into: &header)
        return try #require(IncomingMessage(method, header: header, try PropertyCodec.places(in: header), body: body))
    }

    /// A message that only has a delivery tag, and perhaps a body.
    static func numbered(_ tag: UInt64, redelivered: Bool = false, bytes: Int = 0) throws -> IncomingMessage {
        try self.delivered(
            tag: tag,
            redelivered: redelivered,
            exchange: "events",
            routingKey: "a",
            properties: Properties(),
            headers: HeaderTable(),
            body: ByteBuffer(repeating: 0, count: bytes)
        )
    }

    /// A message from the quarantine queue that only has a delivery tag.
    static func fetched(_ tag: UInt64) throws -> IncomingMessage {
        let method = ServerMethod.basicGetOk(tag: tag, redelivered: false, exchange: "", routingKey: "s.quarantine")
        var header = ByteBuffer()
        try PropertyCodec.encode(Properties(), HeaderTable(), bodySize: 0, into: &header)
        return try #require(
            IncomingMessage(method, header: header, try PropertyCodec.places(in: header), body: ByteBuffer())
        )
    }

    /// A message that came back.
    ///
    /// - Parameters:
    ///   - returns: how often the broker has counted.
    ///   - earlier: if it is a copy, how often it had come back before.
    static func numbered(_ tag: UInt64, returns: Int, copiedWith earlier: Int? = nil) throws -> IncomingMessage {
        let count: [(String, HeaderValue)] = returns > 0 ? [("x-delivery-count", .int(Int64(returns)))] : []
        let before: [(String, HeaderValue)] = earlier.map { [("x-returns", .int(Int64($0)))] } ?? []
        return try self.delivered(
            tag: tag,
            redelivered: returns > 0,
            exchange: earlier == nil ? "events" : "",
            routingKey: earlier == nil ? "a" : "s",
            properties: Properties(),
            headers: HeaderTable(count + before),
            body: ByteBuffer()
        )
    }
}

extension HeaderTable {
    /// The names and values of all headers; `nil` for a value that cannot be read.
    var entries: [(name: String, value: HeaderValue?)] {
        var table = ByteBuffer()
        table.writeTable(self)
        var entries: [(name: String, value: HeaderValue?)] = []
        table.withUnsafeReadableBytes { raw in
            _ = Self.visit(UnsafeRawBufferPointer(rebasing: raw[4...])) { name, value in
                var encoded = ByteBuffer(bytes: value)
                entries.append((String(decoding: name, as: UTF8.self), try? encoded.readFieldValue()))
            }
        }
        return entries
    }

    /// The value of a header; `nil` when it is missing or cannot be read.
    subscript(name: String) -> HeaderValue? { self.entries.first { $0.name == name }?.value }
}
