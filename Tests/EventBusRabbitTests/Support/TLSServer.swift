// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server for one client that does no more than a TLS handshake, and keeps what arrived before it was decrypted.
struct TLSServer: Sendable {
    /// Keeps what arrives.
    final class Tap: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let state = Mutex<[UInt8]>([])

        var bytes: [UInt8] { self.state.withLock { $0 } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let read = Array(self.unwrapInboundIn(data).readableBytesView)
            self.state.withLock { $0 += read }
            context.fireChannelRead(data)
        }
    }

    static let key = ProcessInfo.processInfo.environment["TLS_KEY"] ?? ""
    static let valid = ProcessInfo.processInfo.environment["TLS_VALID"] ?? ""
    static let expired = ProcessInfo.processInfo.environment["TLS_EXPIRED"]

    let port: Int
    /// Has everything that the client has sent, as it was on the wire.
    let tap: Tap

    /// Runs a server for the length of `body`.
    static func with(
        certificate: String = TLSServer.valid,
        _ change: (inout TLSConfiguration) -> Void = { _ in },
        _ body: (TLSServer) async throws -> Void
    ) async throws {
        let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(file: TLSServer.key, format: .pem)
        var settings = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
        change(&settings)
        let context = try NIOSSLContext(configuration: settings)
        let tap = Tap()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(tap)
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(TLSServer(port: listener.localAddress?.port ?? 0, tap: tap))
        } catch {
            try? await listener.close()
            throw error
        }
        try await listener.close()
    }
}
