// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Tells ``ConnectionHandler``, on the other side of the parser, when bytes arrive.
///
/// The event comes right before the last byte that is no line end, so that a request that ends before that byte is known to be
/// followed by the beginning of another one, of which the parser says nothing. Empty lines between requests mean nothing
/// (RFC 9112 §2.2).
final class ArrivalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// So many bytes have arrived.
    struct Arrival {
        let count: Int
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = ArrivalHandler.unwrapInboundIn(data)
        let arrival = Arrival(count: buffer.readableBytes)
        let bytes = buffer.readableBytesView
        if let last = bytes.lastIndex(where: { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }) {
            if let beginning = buffer.readSlice(length: last - bytes.startIndex), beginning.readableBytes > 0 {
                context.fireChannelRead(ArrivalHandler.wrapInboundOut(beginning))
            }
            context.fireUserInboundEventTriggered(arrival)
        }
        context.fireChannelRead(ArrivalHandler.wrapInboundOut(buffer))
    }
}
