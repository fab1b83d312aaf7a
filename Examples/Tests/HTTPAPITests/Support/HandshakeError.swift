// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOPosix
import NIOSSL

/// The error of a handshake that fails, as text: only the pipeline has it, and whoever sends or reads finds the connection closed.
enum HandshakeError {
    /// The handshake did not fail, or the connection ended without an error.
    struct None: Error {
        let received: String
    }

    /// Connects and asks for something.
    ///
    /// - Throws: ``None``; an error of the connection.
    static func text(port: Int, _ context: NIOSSLContext) async throws -> String {
        let error = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                    let handler = Handler(channel.eventLoop.makePromise())
                    try pipeline.addHandler(handler)
                    return handler.error.futureResult
                }
            }
        return try await error.get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        /// What comes first counts.
        let error: EventLoopPromise<String>

        init(_ error: EventLoopPromise<String>) {
            self.error = error
        }

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: TLSTests.request)), promise: nil)
            context.fireChannelActive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.error.fail(None(received: String(buffer: Self.unwrapInboundIn(data))))
            context.close(promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            self.error.succeed("\(error)")
            context.close(promise: nil)
        }

        func handlerRemoved(context: ChannelHandlerContext) {
            self.error.fail(None(received: ""))
        }
    }
}
