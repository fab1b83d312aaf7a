// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOHTTP1

/// Sends one request when the connection is there, and collects its answer.
final class ManagementExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// More than the listing of 50,000 queues has.
    private static let maximumBytes = 256 * 1024 * 1024

    private let request: HTTPRequestHead
    private let promise: EventLoopPromise<ManagementAnswer>
    private var head: HTTPResponseHead?
    private var body: [UInt8] = []

    init(_ request: HTTPRequestHead, _ promise: EventLoopPromise<ManagementAnswer>) {
        self.request = request
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(self.wrapOutboundOut(.head(self.request)), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(let part):
            self.body += part.readableBytesView
            if self.body.count > Self.maximumBytes { self.fail("the answer has more than \(Self.maximumBytes) bytes") }
        case .end:
            guard let head = self.head else { return self.fail("an answer without a beginning") }
            self.promise.succeed(
                ManagementAnswer(
                    status: Int(head.status.code),
                    date: head.headers.first(name: "Date"),
                    body: self.body
                )
            )
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.fail("the connection ended before the answer")
        context.fireChannelInactive()
    }

    private func fail(_ text: String) {
        self.promise.fail(ManagementFailure.text(text))
    }
}
