// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Reading from the socket, or not")
struct ReadGateTests {
    /// Counts the reads that reach the socket.
    private final class Reads: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var count = 0

        func read(context: ChannelHandlerContext) { self.count += 1 }
    }

    @Test("While the gate is closed no read passes, and one that was held passes when it opens")
    func held() throws {
        let (channel, reads, gate) = (EmbeddedChannel(), Reads(), ReadGate())
        try channel.pipeline.syncOperations.addHandlers(reads, gate)
        channel.read()
        #expect(reads.count == 1)
        gate.isOpen = false
        for _ in 0..<3 { channel.read() }
        #expect(reads.count == 1)
        gate.isOpen = true
        #expect(reads.count == 2)
        (gate.isOpen, gate.isOpen) = (false, true)
        #expect(reads.count == 2, "nothing was held")
    }
}
