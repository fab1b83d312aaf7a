// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Lets the connection read from its socket, or not for a while: then the broker has to wait, since TCP takes nothing more from it.
///
/// Confined to the event loop. An end of the connection is noticed also while the gate is closed, unless it is a silent one.
final class ReadGate: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private var context: ChannelHandlerContext?
    /// When the gate was last opened.
    private(set) var lastOpened = NIODeadline.uptimeNanoseconds(0)
    /// Whether a read was asked for while the gate was closed.
    private var isReadHeld = false

    var isOpen = true {
        didSet {
            if self.isOpen, !oldValue, let context { self.lastOpened = context.eventLoop.now }
            guard self.isOpen, self.isReadHeld else { return }
            self.isReadHeld = false
            self.context?.read()
        }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func read(context: ChannelHandlerContext) {
        if self.isOpen { context.read() } else { self.isReadHeld = true }
    }
}
