// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Puts together method, content header and body of one channel.
struct ContentAssembler {
    /// A class, since a message is handed on several times and has many parts.
    final class Content: Sendable {
        let method: ServerMethod
        let properties: Properties
        let headers: HeaderTable
        let body: ByteBuffer

        init(method: ServerMethod, properties: Properties, headers: HeaderTable, body: ByteBuffer) {
            self.method = method
            self.properties = properties
            self.headers = headers
            self.body = body
        }
    }

    private struct Partial {
        let method: ServerMethod
        let header: PropertyCodec.ContentHeader
        var body: ByteBuffer
    }

    private enum State {
        case idle
        case awaitingHeader(ServerMethod)
        case awaitingBody(Partial)
    }

    private static let noBody = ByteBuffer()

    /// The largest body that is accepted, in bytes.
    let maximumBody: Int
    private var state = State.idle

    init(maximumBody: Int) {
        self.maximumBody = maximumBody
    }

    /// Begins a message.
    mutating func begin(_ method: ServerMethod) throws(WireError) {
        guard case .idle = self.state else { throw WireError(.unexpectedFrame, "method within a message") }
        self.state = .awaitingHeader(method)
    }

    /// Whether a message has begun and not ended.
    var isAssembling: Bool {
        if case .idle = self.state { false } else { true }
    }

    mutating func header(_ payload: ByteBuffer) throws(WireError) -> Content? {
        guard case .awaitingHeader(let method) = self.state else {
            throw WireError(.unexpectedFrame, "content header without its method")
        }
        let header = try PropertyCodec.decode(payload)
        guard header.bodySize <= UInt64(self.maximumBody) else {
            throw WireError(.tooLarge, "body of \(header.bodySize) bytes, the limit is \(self.maximumBody)")
        }
        return self.finish(Partial(method: method, header: header, body: Self.noBody))
    }

    mutating func body(_ payload: ByteBuffer) throws(WireError) -> Content? {
        guard case .awaitingBody(var partial) = self.state else {
            throw WireError(.unexpectedFrame, "body without its header")
        }
        self.state = .idle
        let expected = Int(partial.header.bodySize)
        guard payload.readableBytes > 0, partial.body.readableBytes + payload.readableBytes <= expected else {
            throw WireError(.unexpectedFrame, "body that is longer than announced, or empty")
        }
        if partial.body.readableBytes == 0 {
            partial.body = payload
        } else {
            partial.body.writeImmutableBuffer(payload)
        }
        return self.finish(partial)
    }

    private mutating func finish(_ partial: Partial) -> Content? {
        guard partial.body.readableBytes == Int(partial.header.bodySize) else {
            self.state = .awaitingBody(partial)
            return nil
        }
        self.state = .idle
        return Content(
            method: partial.method,
            properties: partial.header.properties,
            headers: partial.header.headers,
            body: partial.body
        )
    }
}
