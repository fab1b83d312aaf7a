// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Whether a node belongs to the majority of its cluster")
struct ClusterProbeTests {
    /// A connection that is probed, for a subscription of which the test tells what has arrived.
    private final class Probed {
        let script: ScriptedBroker
        var situation: QueueWatch.Situation?
        /// How often another node was asked.
        var comparisons = 0
        /// What it answers; `nil` for the test to complete ``pending``.
        var others: Bool?
        var pending: EventLoopPromise<Bool>?

        init(others: Bool?) throws {
            self.script = try ScriptedBroker()
            self.others = others
            try self.script.open(frameMax: 4096)
            self.set(arrived: 0)
        }

        func set(arrived: UInt64, isReceiving: Bool = false) {
            self.situation = .init(arrived: arrived, isReceiving: isReceiving, hasRoom: true, looksAtQuarantine: false)
        }

        func connect(to host: RabbitConfiguration.Host, among hosts: HostWatch) throws -> RabbitConnection {
            let connection = RabbitConnection(
                host: host,
                eventLoop: self.script.channel.eventLoop,
                channel: self.script.channel,
                handler: NIOLoopBound(self.script.handler, eventLoop: self.script.channel.eventLoop)
            )
            hosts.add(connection)
            _ = try self.script.written()
            return connection
        }

        func compare() -> EventLoopFuture<Bool> {
            self.comparisons += 1
            if let others { return self.script.channel.eventLoop.makeSucceededFuture(others) }
            let promise = self.script.channel.eventLoop.makePromise(of: Bool.self)
            self.pending = promise
            return promise.futureResult
        }

        /// The channels on which it was asked since the last call.
        ///
        /// - Parameter answering: whether the node answers.
        func asked(answering: Bool) throws -> [UInt16] {
            let frames = try self.script.frames()
            for frame in frames where answering {
                switch frame.name {
                case "20.10": try self.script.send(20, 11, [0, 0, 0, 0], on: frame.channel)
                case "50.20": try self.script.send(50, 21, on: frame.channel)
                default: break
                }
            }
            return frames.filter { $0.name == "50.20" }.map(\.channel)
        }

        /// Time passes while the broker sends heartbeats.
        func advance(by seconds: Int) throws {
            for _ in 0..<seconds {
                self.script.advance(by: .seconds(1))
                guard self.isConnected else { return }
                try self.script.channel.writeInbound(ByteBuffer(bytes: [8, 0, 0, 0, 0, 0, 0, 0xCE]))
            }
        }

        var isConnected: Bool { self.script.handler.failure == nil }
    }

    private let host = RabbitConfiguration.Host(name: "a", port: 1)
    private let hosts = HostWatch()

    /// - Parameter others: whether the other nodes answer.
    private func probe(others: Bool? = true) throws -> Probed {
        let probed = try Probed(others: others)
        let connection = try probed.connect(to: self.host, among: self.hosts)
        let binding = ClientMethod.queueBind(queue: "q", exchange: "events", routingKey: "k")
        let probe = ClusterProbe(binding, on: connection, among: self.hosts) {
            probed.situation
        } isAnsweredElsewhere: {
            probed.compare()
        }
        probe.start()
        return probed
    }

    @Test("It is asked every three seconds, until the subscription ends")
    func pause() throws {
        let probed = try self.probe()
        for _ in 0..<10 {
            try probed.advance(by: 2)
            #expect(try probed.asked(answering: true) == [])
            try probed.advance(by: 1)
            #expect(try probed.asked(answering: true) == [1])
        }
        probed.situation = nil
        try probed.advance(by: 30)
        #expect(try probed.asked(answering: true) == [])
        #expect(probed.isConnected && probed.comparisons == 0)
    }

    @Test(
        "If only others answer for four seconds, and it does not then either, all connections to the node end, and it is tried last"
    )
    func lost() throws {
        let probed = try self.probe()
        let neighbours = try (0..<2).map { _ in try Probed(others: nil) }
        let other = RabbitConfiguration.Host(name: "b", port: 1)
        _ = try neighbours[0].connect(to: self.host, among: self.hosts)
        _ = try neighbours[1].connect(to: other, among: self.hosts)
        try probed.advance(by: 3 + 3)
        #expect(try probed.asked(answering: false) == [1])
        try probed.advance(by: 1)
        #expect(try probed.asked(answering: false) == [2])
        try probed.advance(by: 1)
        #expect(probed.isConnected)
        try probed.advance(by: 1)
        for probed in [probed] + neighbours { probed.script.channel.embeddedEventLoop.run() }
        #expect(([probed] + neighbours).map { $0.script.handler.failure?.code } == [.silent, .silent, nil])
        #expect(self.hosts.failures.sorted([self.host, other], now: .now()) == [other, self.host])
    }

    @Test("A node that answers after the others have, since a leader was chosen meanwhile, stays")
    func answersAtLast() throws {
        let probed = try self.probe()
        try probed.advance(by: 3)
        #expect(try probed.asked(answering: false) == [1])
        try probed.advance(by: 4)
        #expect(try probed.asked(answering: true) == [2])
        try probed.advance(by: 3)
        #expect(try probed.asked(answering: true) == [2])
        #expect(probed.isConnected && probed.comparisons == 1)
        // When the first channel answers, it is closed.
        try probed.script.send(20, 11, [0, 0, 0, 0], on: 1)
        try probed.script.send(50, 21, on: 1)
        #expect(try probed.script.written() == ["20.40"])
    }

    @Test("What happens while another node is asked counts", arguments: 0..<5)
    func meanwhile(_ disturbance: Int) throws {
        let probed = try self.probe(others: nil)
        try probed.advance(by: 7)
        #expect(try probed.asked(answering: false) == [1])
        switch disturbance {
        case 0: probed.set(arrived: 1)
        case 1: probed.set(arrived: 0, isReceiving: true)
        case 2: probed.script.handler.readGate.isOpen = false
        case 3: try probed.script.send(10, 60, [3] + Array("low".utf8))
        default:
            try probed.script.send(20, 11, [0, 0, 0, 0], on: 1)
            try probed.script.send(50, 21, on: 1)
        }
        probed.pending?.succeed(true)
        try probed.advance(by: 2)
        #expect(try probed.asked(answering: false) == [])
        #expect(probed.isConnected)
    }

    @Test("A gate that was closed and opened again while it was awaited has held up the answer")
    func closedMeanwhile() throws {
        let probed = try self.probe()
        try probed.advance(by: 4)
        probed.script.handler.readGate.isOpen = false
        try probed.advance(by: 1)
        probed.script.handler.readGate.isOpen = true
        try probed.advance(by: 2)
        #expect(probed.comparisons == 0)
        #expect(probed.isConnected)
    }

    @Test("A node whose deliveries fill all that may be held from the beginning is not asked, and nothing waits for it")
    func closedFromTheBeginning() throws {
        let probed = try self.probe()
        #expect(try probed.script.written() == [], "the channel is opened when it is needed")
        probed.script.handler.readGate.isOpen = false
        try probed.advance(by: 100)
        #expect(try probed.asked(answering: true) == [])
        probed.script.handler.readGate.isOpen = true
        try probed.advance(by: 3)
        #expect(try probed.asked(answering: true) == [1])
        #expect(probed.isConnected && probed.comparisons == 0)
    }

    @Test("While deliveries arrive, behind which the answer may be, the node has time")
    func behindDeliveries() throws {
        let probed = try self.probe()
        try probed.advance(by: 3)
        for count in 1...5 as ClosedRange<UInt64> {
            probed.set(arrived: count)
            try probed.advance(by: 4)
            probed.set(arrived: count, isReceiving: true)
            try probed.advance(by: 4)
        }
        #expect(probed.isConnected && probed.comparisons == 0)
        #expect(try probed.asked(answering: false) == [1])
        probed.set(arrived: 5)
        try probed.advance(by: 3 + 4 + 2)
        #expect(!probed.isConnected)
    }

    @Test("If no other node answers either, the cluster is choosing a leader, and the node stays")
    func choosing() throws {
        let probed = try self.probe(others: false)
        try probed.advance(by: 3)
        #expect(try probed.asked(answering: false) == [1])
        var seconds: [Int] = []
        for second in 1...100 {
            try probed.advance(by: 1)
            if probed.comparisons > seconds.count { seconds.append(second) }
        }
        #expect(seconds == [4, 12, 28, 58, 88], "ever more rarely, every 30 seconds in the end")
        #expect(probed.isConnected)
        #expect(try probed.asked(answering: false) == [])
        try probed.script.send(20, 11, [0, 0, 0, 0], on: 1)
        try probed.script.send(50, 21, on: 1)
        try probed.advance(by: 3)
        #expect(try probed.asked(answering: false) == [1])
        try probed.advance(by: 4)
        #expect(probed.comparisons == 6, "from the beginning again")
    }

    @Test("Of many connections to a node that does not answer one asks, and the others wait for what it finds")
    func shared() throws {
        let all = try (0..<20).map { _ in try self.probe(others: false) }
        for _ in 0..<60 { for probed in all { try probed.advance(by: 1) } }
        #expect(try all.reduce(0) { try $0 + $1.asked(answering: false).count } == 1)
        #expect(all.reduce(0) { $0 + $1.comparisons } == 3)
        for probed in all { probed.others = true }
        for _ in 0..<35 { for probed in all { try probed.advance(by: 1) } }
        for probed in all { probed.script.channel.embeddedEventLoop.run() }
        #expect(all.allSatisfy { !$0.isConnected })
    }

    @Test("Whoever cannot go on gives the turn to another connection", arguments: 0..<3)
    func turns(_ reason: Int) throws {
        let (first, second) = (try self.probe(others: false), try self.probe(others: false))
        for probed in [first, second] { try probed.advance(by: 3) }
        #expect(try first.asked(answering: false) == [1])
        switch reason {
        case 0: first.script.handler.readGate.isOpen = false
        case 1: first.situation = nil
        default: first.script.handler.fail(ConnectionFailure(.lost, "gone"))
        }
        for _ in 0..<7 { for probed in [first, second] { try probed.advance(by: 1) } }
        #expect(try second.asked(answering: true) == [1])
    }

    @Test("A node that refuses is not asked again, and stays")
    func refused() throws {
        let probed = try self.probe()
        try probed.advance(by: 3)
        #expect(try probed.asked(answering: false) == [1])
        try probed.script.send(20, 11, [0, 0, 0, 0], on: 1)
        try probed.script.send(20, 40, [1, 147, 0, 0, 0, 0, 0], on: 1)
        try probed.advance(by: 60)
        #expect(try probed.asked(answering: false) == [])
        #expect(probed.isConnected && probed.comparisons == 0)
    }

    // MARK: What counts as a host's failure

    @Test(
        "A host is blamed for the end of a connection, unless this side has closed it or a queue is the cause",
        arguments: [
            (.closed, false), (.cancelled, false), (.closedByBroker(541), false), (.standstill, true), (.silent, true),
            (.lost, true), (.closedByBroker(320), true),
        ] as [(ConnectionFailure.Code, Bool)]
    )
    func blamed(_ code: ConnectionFailure.Code, _ isBlamed: Bool) throws {
        let probed = try Probed(others: nil)
        _ = try probed.connect(to: self.host, among: self.hosts)
        probed.script.handler.fail(ConnectionFailure(code, "over"))
        probed.script.channel.embeddedEventLoop.run()
        let other = RabbitConfiguration.Host(name: "b", port: 1)
        let order = self.hosts.failures.sorted([self.host, other], now: .now())
        #expect(order == (isBlamed ? [other, self.host] : [self.host, other]))
    }
}
