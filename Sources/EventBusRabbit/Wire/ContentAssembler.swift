// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Puts together method, content header and body of one channel.
struct ContentAssembler {
    private struct Header {
        let payload: ByteBuffer
        let places: PropertyPlaces
    }

    private static let noBody = ByteBuffer()

    /// The largest body that is accepted, in bytes.
    let maximumBody: Int
    /// The method whose content is coming; `nil` between two messages.
    private var method: ServerMethod?
    /// The content header, once it has come.
    private var header: Header?
    /// What has come of the body.
    private var body = Self.noBody

    init(maximumBody: Int) {
        self.maximumBody = maximumBody
    }

    /// Begins a message.
    mutating func begin(_ method: ServerMethod) throws(WireError) {
        guard !self.isAssembling else { throw WireError(.unexpectedFrame, "method within a message") }
        self.method = method
    }

    /// Whether a message has begun and not ended.
    var isAssembling: Bool { self.method != nil }

    /// - Returns: the message, if it has no body.
    mutating func header(_ payload: ByteBuffer) throws(WireError) -> IncomingMessage? {
        guard self.isAssembling, self.header == nil else {
            throw WireError(.unexpectedFrame, "content header without its method")
        }
        let places = try PropertyCodec.places(in: payload)
        guard places.bodySize <= UInt64(self.maximumBody) else {
            throw WireError(.tooLarge, "body of \(places.bodySize) bytes, the limit is \(self.maximumBody)")
        }
        self.header = Header(payload: payload, places: places)
        return places.bodySize == 0 ? self.end(Self.noBody) : nil
    }

    /// - Returns: the message, if this was all of its body that was missing.
    mutating func body(_ payload: ByteBuffer) throws(WireError) -> IncomingMessage? {
        guard let size = self.header?.places.bodySize else {
            throw WireError(.unexpectedFrame, "body without its header")
        }
        let missing = Int(size) - self.body.readableBytes
        guard payload.readableBytes > 0, payload.readableBytes <= missing else {
            throw WireError(.unexpectedFrame, "body that is longer than announced, or empty")
        }
        // Nearly every body comes as a whole.
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
