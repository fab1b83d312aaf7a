// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOPosix
import NIOSSL

/// A client for the process's own server, with or without TLS as that: one request per connection, small answers.
public struct HTTPClient: Sendable {
    /// What the server answered.
    public struct Answer: Sendable, Hashable {
        /// The status code.
        public let status: Int
        /// The body as text.
        public let body: String
    }

    /// The server did not answer as it should.
    public struct Failure: Error, CustomStringConvertible {
        /// What happened.
        public let description: String
    }

    private let host: String
    private let port: Int
    private let isSecure: Bool
    private let timeLimit: Duration

    /// Creates a client.
    ///
    /// - Parameters:
    ///   - configuration: where the server listens; where that is every interface, loopback is used.
    ///   - timeLimit: how long an answer may take.
    public init(_ configuration: ServerConfiguration, timeLimit: Duration = .seconds(30)) {
        switch configuration.host {
        case "0.0.0.0": self.host = "127.0.0.1"
        case "::": self.host = "::1"
        default: self.host = configuration.host
        }
        self.port = configuration.port
        self.isSecure = configuration.tls != nil
        self.timeLimit = timeLimit
    }

    /// Sends a request and reads the answer.
    ///
    /// - Parameters:
    ///   - method: the method.
    ///   - path: the path.
    ///   - json: a body.
    ///   - token: an access token.
    /// - Throws: ``Failure``; an error of the connection; `CancellationError`.
    public func send(_ method: String, _ path: String, json: String? = nil, token: String? = nil) async throws -> Answer
    {
        let body = json ?? ""
        var head = [
            "\(method) \(path) HTTP/1.1", "Host: localhost", "Connection: close",
            "Content-Type: application/json", "Content-Length: \(body.utf8.count)",
        ]
        if let token { head.append("Authorization: Bearer \(token)") }
        let request = head.joined(separator: "\r\n") + "\r\n\r\n" + body
        return try await withThrowingTaskGroup(of: Answer.self) { group in
            group.addTask { try await self.exchange(request) }
            group.addTask {
                try await Task.sleep(for: self.timeLimit)
                throw Failure(description: "no answer within \(self.timeLimit)")
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
    }

    private func exchange(_ request: String) async throws -> Answer {
        let tls = try self.isSecure ? HTTPClient.tls() : nil
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: self.host, port: self.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var received = ByteBuffer()
            for try await var part in inbound {
                received.writeBuffer(&part)
                guard received.readableBytes <= 1 << 20 else { throw Failure(description: "the answer is too long") }
            }
            return try HTTPClient.parse(String(buffer: received))
        }
    }

    /// TLS without a look at the certificate.
    ///
    /// It hardly has the name or the address of loopback, and what is asked is whether the process works, even when a new
    /// certificate cannot be read. Nothing secret is sent.
    private static func tls() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.minimumTLSVersion = .tlsv12
        return try NIOSSLContext(configuration: configuration)
    }

    /// Reads a status line, skips the head and takes the rest as the body (RFC 9112 §2.1).
    static func parse(_ text: String) throws(Failure) -> Answer {
        let words = text.prefix(64).split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]),
            let end = text.firstRange(of: "\r\n\r\n")
        else { throw Failure(description: "the answer is not HTTP/1.1") }
        return Answer(status: status, body: String(text[end.upperBound...]))
    }
}
