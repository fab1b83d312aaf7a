// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Assembles messages from the method, content header and body frames of one channel.
struct ContentAssembler {
    private struct Header {
        let payload: ByteBuffer
        let places: PropertyPlaces
    }

    private static let noBody = ByteBuffer()

    /// The largest accepted body, in bytes.
    let maximumBody: Int
    /// The method whose content follows; `nil` between two messages.
    private var method: ServerMethod?
    /// The content header, once it has arrived.
    private var header: Header?
    /// The part of the body that has arrived.
    private var body = Self.noBody

    init(maximumBody: Int) {
        self.maximumBody = maximumBody
    }

    /// Starts a message.
    mutating func begin(_ method: ServerMethod) throws(CodecError) {
        guard !self.isAssembling else { throw CodecError(.unexpectedFrame, "method within a message") }
        self.method = method
    }

    /// Whether a message has started and is not complete.
    var isAssembling: Bool { self.method != nil }

    /// - Returns: the message, if it has no body.
    mutating func header(_ payload: ByteBuffer) throws(CodecError) -> IncomingMessage? {
        guard self.isAssembling, self.header == nil else {
            throw CodecError(.unexpectedFrame, "content header without its method")
        }
        let places = try PropertyCodec.places(in: payload)
        guard places.bodySize <= UInt64(self.maximumBody) else {
            throw CodecError(.tooLarge, "body of \(places.bodySize) bytes, the limit is \(self.maximumBody)")
        }
        self.header = Header(payload: payload, places: places)
        return places.bodySize == 0 ? self.end(Self.noBody) : nil
    }

    /// - Returns: the message, if this completes its body.
    mutating func body(_ payload: ByteBuffer) throws(CodecError) -> IncomingMessage? {
        guard let size = self.header?.places.bodySize else {
            throw CodecError(.unexpectedFrame, "body without its header")
        }
        let missing = Int(size) - self.body.readableBytes
        guard payload.readableBytes > 0, payload.readableBytes <= missing else {
            throw CodecError(.unexpectedFrame, "body that is longer than announced, or empty")
        }
        // Nearly every body fits into one frame.
        if payload.readableBytes == Int(size) { return self.end(payload) }
        self.body.writeImmutableBuffer(payload)
        guard payload.readableBytes == missing else { return nil }
        defer { self.body = Self.noBody }
        return self.end(self.body)
    }

    private mutating func end(_ body: ByteBuffer) -> IncomingMessage? {
        guard let method = self.method.take(), let header = self.header.take() else { return nil }
        return IncomingMessage(method, header: header.payload, header.places, body: body)
    }
}
