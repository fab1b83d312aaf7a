// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOPosix
import NIOSSL
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A connection on which a test sends what it likes.
final class RawConnection {
    private let channel: any Channel
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    /// What has been read and not been returned.
    private var rest = ""

    private init(
        _ channel: any Channel,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>
    ) {
        self.channel = channel
        self.outbound = outbound
        self.inbound = inbound.makeAsyncIterator()
    }

    /// Connects, over TLS or not, and closes at the end.
    static func with<Result: Sendable>(
        port: Int,
        tls: NIOSSLContext? = nil,
        _ body: (RawConnection) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true)
                    )
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await body(RawConnection(channel.channel, outbound, inbound))
        }
    }

    func send(_ text: String) async throws { try await self.outbound.write(ByteBuffer(string: text)) }

    func send(_ bytes: [UInt8]) async throws { try await self.outbound.write(ByteBuffer(bytes: bytes)) }

    /// Closes the client's side only.
    func finish() { self.outbound.finish() }

    /// Closes both sides at once, with a reset.
    func reset() async throws {
        let provider = try #require(self.channel as? any SocketOptionProvider)
        try await provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await self.channel.close()
    }

    /// Reads up to the end of a text.
    func read(to end: String) async throws -> String {
        while true {
            if let found = self.rest.firstRange(of: end) {
                defer { self.rest.removeSubrange(..<found.upperBound) }
                return String(self.rest[..<found.upperBound])
            }
            guard let part = try await self.inbound.next(isolation: #isolation) else {
                throw EndedEarly(received: self.rest)
            }
            self.rest += String(buffer: part)
        }
    }

    /// Reads a whole answer with a `Content-Length`.
    func readAnswer() async throws -> RawAnswer {
        let head = try await self.read(to: "\r\n\r\n")
        var answer = RawAnswer(head: head, body: "")
        let length = answer.fields["content-length"].flatMap { Int($0) } ?? 0
        while self.rest.utf8.count < length {
            guard let part = try await self.inbound.next(isolation: #isolation) else {
                throw EndedEarly(received: head + self.rest)
            }
            self.rest += String(buffer: part)
        }
        let end = self.rest.utf8.index(self.rest.startIndex, offsetBy: length)
        answer.body = String(self.rest[..<end])
        self.rest.removeSubrange(..<end)
        return answer
    }

    /// Reads until the server closes.
    func readToEnd() async throws -> String {
        while let part = try await self.inbound.next(isolation: #isolation) { self.rest += String(buffer: part) }
        defer { self.rest = "" }
        return self.rest
    }

    struct EndedEarly: Error {
        let received: String
    }
}

/// An answer as it came over the wire.
struct RawAnswer {
    let status: Int
    let fields: [String: String]
    var body: String

    init(head: String, body: String) {
        let lines = head.split(separator: "\r\n")
        self.status = lines.first.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
        let pairs = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (parts[0].lowercased(), parts.count < 2 ? "" : parts[1].drop { $0 == " " }.description)
        }
        self.fields = Dictionary(pairs) { "\($0), \($1)" }
        self.body = body
    }
}
