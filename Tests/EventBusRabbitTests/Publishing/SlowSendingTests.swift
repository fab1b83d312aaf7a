// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Messages that take long to leave")
struct SlowSendingTests {
    /// A socket that takes a write only when it is told to.
    private final class Dam: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var writes: [(NIOAny, EventLoopPromise<Void>?)] = []
        var isOpen = true

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard self.isOpen else { return self.writes.append((data, promise)) }
            context.write(data, promise: promise)
        }

        /// Lets the next write pass; returns whether there was one.
        func pass(context: ChannelHandlerContext) -> Bool {
            guard !self.writes.isEmpty else { return false }
            let (data, promise) = self.writes.removeFirst()
            context.writeAndFlush(data, promise: promise)
            return true
        }
    }

    private func withDam(_ body: (PublishFixture, Dam, ChannelHandlerContext) throws -> Void) throws {
        let (fixture, dam) = (try PublishFixture(), Dam())
        let pipeline = fixture.broker.channel.pipeline.syncOperations
        try pipeline.addHandler(dam, position: .first)
        dam.isOpen = false
        try body(fixture, dam, try pipeline.context(handler: dam))
    }

    @Test("The time of a message begins when its last byte has left, as long as bytes leave")
    func progress() throws {
        try self.withDam { fixture, dam, context in
            try fixture.publish(["a1"], bodySize: 300_000)
            try fixture.publish(["b1"])
            for _ in 0..<4 {
                try fixture.advance(by: 20)
                #expect(dam.pass(context: context))
            }
            #expect(fixture.known == [:])
            #expect(fixture.isConnected)
            while dam.pass(context: context) {}
            try fixture.advance(by: 29)
            #expect(fixture.known == [:])
            try fixture.advance(by: 1)
            #expect(fixture.known == ["a1": "unknown", "b1": "unknown"])
        }
    }

    @Test("When no byte leaves any more the message is given up")
    func noProgress() throws {
        try self.withDam { fixture, dam, context in
            try fixture.publish(["a1"], bodySize: 300_000)
            try fixture.advance(by: 20)
            #expect(dam.pass(context: context))
            try fixture.advance(by: 29)
            #expect(fixture.known == [:])
            try fixture.advance(by: 1)
            #expect(fixture.known == ["a1": "unknown"])
        }
    }

    @Test("Pieces are followed only when they are large or something is ahead of them")
    func pieces() {
        var sending = SendProgress(now: .uptimeNanoseconds(0))
        #expect(sending.hand(1000) == nil)
        #expect(!sending.isWaiting)
        #expect(sending.hand(SendProgress.piece * 2 + 1) == [SendProgress.piece, SendProgress.piece, 1])
        #expect(sending.hand(10) == [10])
        #expect(sending.isWaiting)
        let (after, upTo) = sending.leave(SendProgress.piece, now: .uptimeNanoseconds(7))
        #expect(after == 1000)
        #expect(upTo == 1000 + SendProgress.piece)
        #expect(sending.lastLeft == .uptimeNanoseconds(7))
        for count in [SendProgress.piece, 1, 10] { _ = sending.leave(count, now: .uptimeNanoseconds(8)) }
        #expect(!sending.isWaiting)
        #expect(sending.left == sending.handed)
    }

    @Test("A request waits as long as something moves, but not for ever")
    func patience() {
        func seconds(_ value: UInt64) -> NIODeadline { .uptimeNanoseconds(value * 1_000_000_000) }
        #expect(
            ReplyPatience.verdict(sent: seconds(0), progress: seconds(0), now: seconds(19)) == .wait(until: seconds(20))
        )
        #expect(ReplyPatience.verdict(sent: seconds(0), progress: seconds(0), now: seconds(20)) == .giveUp)
        #expect(
            ReplyPatience.verdict(sent: seconds(9), progress: seconds(3), now: seconds(20)) == .wait(until: seconds(29))
        )
        #expect(
            ReplyPatience.verdict(sent: seconds(0), progress: seconds(100), now: seconds(110))
                == .wait(until: seconds(120))
        )
        #expect(ReplyPatience.verdict(sent: seconds(0), progress: seconds(599), now: seconds(600)) == .giveUp)
    }
}
