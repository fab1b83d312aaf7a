// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("An ordered subscription to which nothing is delivered")
struct ConsumeSessionTests {
    private let script: ScriptedBroker
    private let session: ConsumeSession

    init() throws {
        self.script = try ScriptedBroker()
        try self.script.open(frameMax: 4096)
        let (handler, loop) = (self.script.handler, self.script.channel.eventLoop)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let subscription = try Subscription("s", patterns: ["a"], ordering: .perKey)
        let retries = RetryCopies(subscription, loop, settling: .zero, logger) { _ in
            loop.makeSucceededFuture(.exists)
        } onTrouble: { _ in
        }
        self.session = ConsumeSession(
            subscription,
            hasQuarantined: false,
            RabbitDeliveries(generation: 1, .perKey, executor: EventLoopExecutor(loop)),
            CopySender(PublishQueue(), loop, logger, retries) { _ in },
            try handler.openChannel(),
            handler,
            .cluster,
            BusStatus(),
            logger
        )
        self.session.started()
        _ = try self.script.written()
    }

    private func deliver() throws {
        // Consumer tag, delivery tag, not redelivered, exchange, routing key.
        try self.script.send(60, 60, [1, 99, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 97], on: 1)
        var header = ByteBuffer()
        header.writeMultipleIntegers(UInt8(2), UInt16(1), UInt32(14), UInt16(60), UInt16(0), UInt64(0), UInt16(0))
        header.writeInteger(Frame.end)
        try self.script.channel.writeInbound(header)
    }

    /// Time passes while five messages wait.
    ///
    /// - Parameter consumers: how many the broker counts.
    private func wait(consumers: UInt8) throws {
        for _ in 0..<60 where self.script.handler.failure == nil {
            self.script.advance(by: .seconds(1))
            for frame in try self.script.frames() where frame.name == "50.10" {
                try self.script.send(50, 11, [1, 115, 0, 0, 0, 5, 0, 0, 0, consumers], on: 1)
            }
            guard self.script.handler.failure == nil else { return }
            try self.script.channel.writeInbound(ByteBuffer(bytes: [8, 0, 0, 0, 0, 0, 0, 0xCE]))
        }
    }

    @Test("In a cluster one that stands by behind an active consumer keeps its connection")
    func standby() throws {
        try self.wait(consumers: 1)
        #expect(self.script.handler.failure == nil)
    }

    @Test("One that was active has stood still, for which its node may be the cause")
    func active() throws {
        try self.deliver()
        try self.wait(consumers: 1)
        #expect(self.script.handler.failure?.code == .standstill)
    }

    @Test("One whose queue has no consumer is opened again, and its node is not blamed")
    func forgotten() throws {
        try self.wait(consumers: 0)
        #expect(self.script.handler.failure?.code == .cancelled)
    }
}
