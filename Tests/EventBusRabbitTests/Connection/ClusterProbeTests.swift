// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Whether a node belongs to the majority of its cluster")
struct ClusterProbeTests {
    /// The subscription that a probe belongs to.
    private final class Situation {
        var value: QueueWatch.Situation?

        init() { self.set(arrived: 0) }

        func set(arrived: UInt64, isReceiving: Bool = false) {
            self.value = .init(arrived: arrived, isReceiving: isReceiving, hasRoom: true, looksAtQuarantine: false)
        }
    }

    private let host = RabbitConfiguration.Host(name: "a", port: 1)
    private let hosts = HostWatch()

    private func connection(
        _ script: ScriptedBroker,
        to host: RabbitConfiguration.Host
    ) throws -> RabbitConnection {
        try script.open(frameMax: 4096)
        let connection = RabbitConnection(
            host: host,
            eventLoop: script.channel.eventLoop,
            channel: script.channel,
            handler: NIOLoopBound(script.handler, eventLoop: script.channel.eventLoop)
        )
        self.hosts.add(connection)
        return connection
    }

    /// - Parameter others: whether the other nodes answer.
    private func probe(_ script: ScriptedBroker, others: Bool = true) throws -> Situation {
        let situation = Situation()
        let connection = try self.connection(script, to: self.host)
        let binding = ClientMethod.queueBind(queue: "q", exchange: "events", routingKey: "k")
        let channel = try script.handler.openChannel()
        let probe = ClusterProbe(binding, on: connection, channel, among: self.hosts) {
            situation.value
        } isAnsweredElsewhere: {
            script.channel.eventLoop.makeSucceededFuture(others)
        }
        probe.start()
        _ = try script.written()
        return situation
    }

    private func probes(_ script: ScriptedBroker) throws -> Int { try script.written().count { $0 == "50.20" } }

    /// Time passes while the broker sends heartbeats.
    private func advance(_ script: ScriptedBroker, by seconds: Int) throws {
        for _ in 0..<seconds {
            script.advance(by: .seconds(1))
            guard script.handler.failure == nil else { return }
            try script.channel.writeInbound(ByteBuffer(bytes: [8, 0, 0, 0, 0, 0, 0, 0xCE]))
        }
    }

    @Test("It is asked every three seconds, until the subscription ends")
    func pause() throws {
        let script = try ScriptedBroker()
        let situation = try self.probe(script)
        for _ in 0..<10 {
            try self.advance(script, by: 2)
            #expect(try self.probes(script) == 0)
            try self.advance(script, by: 1)
            #expect(try self.probes(script) == 1)
            try script.send(50, 21, on: 1)
        }
        situation.value = nil
        try self.advance(script, by: 30)
        #expect(try self.probes(script) == 0)
        #expect(script.handler.failure == nil)
    }

    @Test("If only others answer for four seconds, all connections to the node end, and it is tried last from then on")
    func lost() throws {
        let scripts = try (0..<3).map { _ in try ScriptedBroker() }
        _ = try self.probe(scripts[0])
        _ = try self.connection(scripts[1], to: self.host)
        let other = RabbitConfiguration.Host(name: "b", port: 1)
        _ = try self.connection(scripts[2], to: other)
        try self.advance(scripts[0], by: 3 + 3)
        #expect(scripts[0].handler.failure == nil)
        try self.advance(scripts[0], by: 1)
        for script in scripts { script.channel.embeddedEventLoop.run() }
        #expect(scripts.map { $0.handler.failure?.code } == [.silent, .silent, nil])
        #expect(self.hosts.failures.sorted([self.host, other], now: .now()) == [other, self.host])
    }

    @Test("Of several connections to a node one asks")
    func shared() throws {
        let first = self.hosts.mayProbe(self.host, every: .seconds(3), now: .uptimeNanoseconds(0))
        let second = self.hosts.mayProbe(self.host, every: .seconds(3), now: .uptimeNanoseconds(2_999_999_999))
        let third = self.hosts.mayProbe(self.host, every: .seconds(3), now: .uptimeNanoseconds(3_000_000_000))
        #expect([first, second, third] == [true, false, true])
    }

    @Test("While deliveries arrive, behind which the answer may be, the node has time")
    func behindDeliveries() throws {
        let script = try ScriptedBroker()
        let situation = try self.probe(script)
        try self.advance(script, by: 3)
        for count in 1...5 as ClosedRange<UInt64> {
            situation.set(arrived: count)
            try self.advance(script, by: 4)
            situation.set(arrived: count, isReceiving: true)
            try self.advance(script, by: 4)
        }
        #expect(script.handler.failure == nil)
        situation.set(arrived: 5)
        try self.advance(script, by: 8)
        #expect(script.handler.failure?.code == .silent)
    }

    @Test("If no other node answers either, the cluster is choosing a leader, and the node stays")
    func choosing() throws {
        let script = try ScriptedBroker()
        _ = try self.probe(script, others: false)
        try self.advance(script, by: 60)
        #expect(script.handler.failure == nil)
        #expect(try self.probes(script) == 1)
        try script.send(50, 21, on: 1)
        try self.advance(script, by: 3)
        #expect(try self.probes(script) == 1)
    }

    @Test("A node that refuses is not asked again, and stays")
    func refused() throws {
        let script = try ScriptedBroker()
        _ = try self.probe(script)
        try self.advance(script, by: 3)
        try script.send(20, 40, [1, 147, 0, 0, 0, 0, 0], on: 1)
        try self.advance(script, by: 60)
        #expect(try self.probes(script) == 1)
        #expect(script.handler.failure == nil)
    }
}
