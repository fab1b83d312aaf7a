// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// A message from the broker, whose properties and headers are decoded when they are needed.
///
/// A class, since a message has many parts and is passed on several times.
final class IncomingMessage: Sendable {
    enum Origin {
        case delivered
        case fetched
        /// It reached no queue and has no tag.
        case returned
    }

    let origin: Origin
    let tag: UInt64
    let redelivered: Bool
    let exchange: String
    let routingKey: String
    let body: ByteBuffer
    let places: PropertyPlaces
    private let header: ByteBuffer

    /// - Returns: `nil` for a method that has no content.
    init?(_ method: ServerMethod, header: ByteBuffer, _ places: PropertyPlaces, body: ByteBuffer) {
        switch method {
        case .basicDeliver(let tag, let redelivered, let exchange, let routingKey):
            self.origin = .delivered
            (self.tag, self.redelivered, self.exchange, self.routingKey) = (tag, redelivered, exchange, routingKey)
        case .basicGetOk(let tag, let redelivered, let exchange, let routingKey):
            self.origin = .fetched
            (self.tag, self.redelivered, self.exchange, self.routingKey) = (tag, redelivered, exchange, routingKey)
        case .basicReturn(_, _, let exchange, let routingKey):
            self.origin = .returned
            (self.tag, self.redelivered, self.exchange, self.routingKey) = (0, false, exchange, routingKey)
        default:
            return nil
        }
        self.header = header
        self.places = places
        self.body = body
    }

    /// The text at one of the ``places``; `nil` when the property is missing.
    ///
    /// Bytes that are not UTF-8 are replaced.
    func text(at place: UInt32) -> String? {
        self.withText(at: place) { String(decoding: $0, as: UTF8.self) }
    }

    /// The text at one of the ``places``, which is not copied if it equals a known text.
    func text(at place: UInt32, perhaps known: String) -> String? {
        self.withText(at: place) { bytes in
            let isKnown = known.utf8.withContiguousStorageIfAvailable {
                UnsafeRawBufferPointer($0).hasSameBytes(as: bytes)
            }
            return isKnown == true ? known : String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Calls `body` with the bytes at one of the ``places``; returns `nil` when the property is missing.
    func withText<Result>(at place: UInt32, _ body: (UnsafeRawBufferPointer) -> Result?) -> Result? {
        self.read(at: place) { reader in reader.shortString().flatMap(body) }
    }

    private func integer<Value: FixedWidthInteger & BitwiseCopyable>(at place: UInt32) -> Value? {
        self.read(at: place) { reader in reader.integer() }
    }

    /// Reads what is at a place.
    private func read<Result>(at place: UInt32, _ body: (inout ByteReader) -> Result?) -> Result? {
        guard place > 0 else { return nil }
        return self.header.withUnsafeReadableBytes { raw in
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: raw[Int(place)...]))
            return body(&reader)
        }
    }

    /// Calls `body` with the name and the value of each header; a value starts with the byte for its type.
    ///
    /// - Returns: whether the table could be read to its end.
    func visitHeaders(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void) -> Bool {
        guard self.places.headers > 0 else { return true }
        return self.withTable { HeaderTable.visit($0, body) } ?? false
    }

    private func withTable<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        self.read(at: self.places.headers) { reader in
            reader.integer(UInt32.self).flatMap { reader.bytes(Int($0)) }.map(body)
        }
    }

    /// How many bytes the body has.
    var bodyBytes: Int { self.body.readableBytes }

    /// Seconds since 1970; `nil` when the property is missing.
    var timestamp: UInt64? { self.integer(at: self.places.timestamp) }

    var properties: Properties {
        Properties(
            contentType: self.text(at: self.places.contentType),
            contentEncoding: self.text(at: self.places.contentEncoding),
            deliveryMode: self.integer(at: self.places.deliveryMode),
            priority: self.integer(at: self.places.priority),
            correlationID: self.text(at: self.places.correlationID),
            replyTo: self.text(at: self.places.replyTo),
            expiration: self.text(at: self.places.expiration),
            messageID: self.text(at: self.places.messageID),
            timestamp: self.timestamp,
            type: self.text(at: self.places.type),
            userID: self.text(at: self.places.userID),
            appID: self.text(at: self.places.appID),
            clusterID: self.text(at: self.places.clusterID)
        )
    }

    /// The headers; empty if they cannot be read, so that the message itself can still be handled.
    var headers: HeaderTable {
        self.withTable { try? HeaderTable(parsing: ByteBuffer(bytes: $0)) }.flatMap { $0 } ?? HeaderTable()
    }
}
