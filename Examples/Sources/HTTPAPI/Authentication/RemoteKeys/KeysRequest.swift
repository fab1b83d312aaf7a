// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One `GET` of a JWK set on a connection of its own.
///
/// A whole client would be the larger part of the service: this needs no redirects, proxies, compression or reuse.
struct KeysRequest: Sendable {
    /// What went wrong, for a log.
    enum Failure: Error, CustomStringConvertible {
        case status(UInt)
        case tooLong
        case incomplete
        case timeout

        var description: String {
            switch self {
            case .status(let code): "the answer is \(code), not 200"
            case .tooLong: "the answer has more than \(KeysRequest.maximumSize) bytes"
            case .incomplete: "the connection ended before the answer did"
            case .timeout: "there was no answer within \(KeysRequest.timeLimit)"
            }
        }
    }

    static let maximumSize = 64 * 1024
    static let timeLimit = Duration.seconds(5)

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private let location: KeysLocation

    init(_ location: KeysLocation) {
        self.location = location
    }

    /// Sends the request.
    ///
    /// - Throws: ``Failure``; an error of the connection; `CancellationError`.
    func send() async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { try await self.exchange() }
            group.addTask {
                try await Task.sleep(for: Self.timeLimit)
                throw Failure.timeout
            }
            defer { group.cancelAll() }
            guard let body = try await group.next() else { throw CancellationError() }
            return body
        }
    }

    private func exchange() async throws -> [UInt8] {
        let tls = try self.tls()
        let location = self.location
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(5))
            .connect(host: location.host, port: location.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        // An address has no name to ask for; the certificate has to be for the address then.
                        let isAddress = (try? SocketAddress(ipAddress: location.host, port: 0)) != nil
                        let handler = try NIOSSLClientHandler(
                            context: tls,
                            serverHostname: isAddress ? nil : location.host
                        )
                        try pipeline.addHandler(handler)
                    }
                    try pipeline.addHTTPClientHandlers()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(.head(self.head))
            try await outbound.write(.end(nil))
            return try await Self.body(of: inbound)
        }
    }

    private func tls() throws -> NIOSSLContext? {
        guard self.location.isSecure else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let file = self.location.authorities { configuration.trustRoots = .file(file) }
        return try NIOSSLContext(configuration: configuration)
    }

    private var head: HTTPRequestHead {
        let host = self.location.host.contains(":") ? "[\(self.location.host)]" : self.location.host
        let headers: HTTPHeaders = [
            "Host": "\(host):\(self.location.port)", "Accept": "application/json", "Connection": "close",
        ]
        return HTTPRequestHead(version: .http1_1, method: .GET, uri: self.location.path, headers: headers)
    }

    private static func body(of parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>) async throws -> [UInt8] {
        var body: [UInt8] = []
        for try await part in parts {
            switch part {
            case .head(let head):
                guard head.status.code == 200 else { throw Failure.status(head.status.code) }
            case .body(let bytes):
                guard body.count + bytes.readableBytes <= Self.maximumSize else { throw Failure.tooLong }
                body += bytes.readableBytesView
            case .end: return body
            }
        }
        throw Failure.incomplete
    }
}
