// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Whether a node belongs to the majority of its cluster")
struct ClusterProbeTests {
    /// A probed host and the others, each of which answers all questions or none.
    private final class Probed {
        let loop = EmbeddedEventLoop()
        let hosts = HostWatch()
        let host = RabbitConfiguration.Host(name: "a", port: 1)
        let other = RabbitConfiguration.Host(name: "b", port: 1)
        /// Which nodes answer, and which accept connections.
        var answering: [ClusterProbe.Target: Bool] = [.host: true, .others: true]
        var accepting: [ClusterProbe.Target: Bool] = [.host: true, .others: true]
        private var scripts: [(target: ClusterProbe.Target?, script: ScriptedBroker)] = []
        private(set) var questions: [ClusterProbe.Target: [String]] = [:]
        private(set) var connections: [ClusterProbe.Target: Int] = [:]
        private(set) lazy var probe = ClusterProbe(self.host, among: self.hosts, on: self.loop) {
            1
        } connect: { [unowned self] target in
            self.connections[target, default: 0] += 1
            guard self.accepting[target] == true else {
                return self.loop.makeFailedFuture(ConnectionFailure(.unreachable, "refused"))
            }
            return self.loop.makeCompletedFuture { try self.connection(target) }
        }

        private func connection(_ target: ClusterProbe.Target?) throws -> RabbitConnection {
            let script = try ScriptedBroker(on: self.loop)
            try script.open(frameMax: 4096)
            _ = try script.written()
            self.scripts.append((target, script))
            return RabbitConnection(
                host: target == .others ? self.other : self.host,
                eventLoop: self.loop,
                channel: script.channel,
                handler: NIOLoopBound(script.handler, eventLoop: self.loop)
            )
        }

        /// A connection to the host that is used for something else.
        func connect() throws -> RabbitConnection {
            let connection = try self.connection(nil)
            self.hosts.add(connection)
            return connection
        }

        /// A connection of a subscription, from which on the host is probed.
        func subscribe(_ queue: String = "q") throws -> RabbitConnection {
            let connection = try self.connect()
            self.probe.watch(connection, with: .queueBind(queue: queue, exchange: "events", routingKey: "k"))
            return connection
        }

        /// How often the host, and others, have been asked.
        var asked: [Int] { [ClusterProbe.Target.host, .others].map { self.questions[$0, default: []].count } }

        var order: [RabbitConfiguration.Host] { self.hosts.failures.sorted([self.host, self.other], now: .now()) }

        /// The script of the latest connection for questions to the host.
        var script: ScriptedBroker? { self.scripts.last { $0.target == .host }?.script }

        /// Time passes while nodes send heartbeats and answer what they can.
        func advance(by seconds: Int) throws {
            for _ in 0..<seconds {
                self.loop.advanceTime(by: .seconds(1))
                try self.answer()
                for (_, script) in self.scripts where script.handler.failure == nil {
                    try script.channel.writeInbound(ByteBuffer(bytes: [8, 0, 0, 0, 0, 0, 0, 0xCE]))
                }
            }
        }

        private func answer() throws {
            var isQuiet = false
            while !isQuiet {
                isQuiet = true
                for (target, script) in self.scripts where script.handler.failure == nil {
                    for frame in try script.frames() where frame.kind == .method {
                        isQuiet = false
                        try self.answer(frame, of: target, through: script)
                    }
                }
                self.loop.run()
            }
        }

        private func answer(
            _ frame: Frame,
            of target: ClusterProbe.Target?,
            through script: ScriptedBroker
        ) throws {
            switch frame.name {
            case "20.10": try script.send(20, 11, [0, 0, 0, 0], on: frame.channel)
            case "20.40": try script.send(20, 41, on: frame.channel)
            case "10.50": try script.send(10, 51)
            case "50.20":
                let target = try #require(target, "what delivers is not asked")
                let length = frame.payload.getInteger(at: frame.payload.readerIndex + 6, as: UInt8.self) ?? 0
                let queue = frame.payload.getString(at: frame.payload.readerIndex + 7, length: Int(length)) ?? ""
                self.questions[target, default: []].append(queue)
                if self.answering[target] == true { try script.send(50, 21, on: frame.channel) }
            default: break
            }
        }
    }

    @Test("It is asked every three seconds on a connection of its own, until the last subscription ends")
    func pause() throws {
        let probed = Probed()
        let (first, second) = (try probed.subscribe("q1"), try probed.subscribe("q2"))
        try probed.advance(by: 2)
        #expect(probed.asked == [0, 0])
        try probed.advance(by: 28)
        #expect(probed.asked == [10, 0])
        #expect(probed.connections == [.host: 1])
        first.handler.value.fail(ConnectionFailure(.closed, "over"))
        try probed.advance(by: 30)
        #expect(probed.questions == [.host: Array(repeating: "q1", count: 10) + Array(repeating: "q2", count: 10)])
        second.handler.value.fail(ConnectionFailure(.closed, "over"))
        try probed.advance(by: 30)
        #expect(probed.asked == [20, 0])
        #expect(probed.script?.handler.failure != nil)
        #expect(throws: ConnectionFailure.self) { try probed.probe.connection().wait() }
        #expect(probed.order == [probed.host, probed.other])
    }

    @Test("A node that has just stored a message is not asked")
    func stored() throws {
        let probed = Probed()
        _ = try probed.subscribe()
        let publishing = try probed.connect().handler.value
        for _ in 0..<30 {
            publishing.lastStored = probed.loop.now
            try probed.advance(by: 2)
        }
        #expect(probed.asked == [0, 0])
        try probed.advance(by: 4)
        #expect(probed.asked == [1, 0])
    }

    @Test(
        "If only others answer for three seconds, and it does not on a new connection either, all connections to the node end, and it is tried last"
    )
    func lost() throws {
        let probed = Probed()
        let connections = [try probed.subscribe(), try probed.connect()]
        probed.answering[.host] = false
        try probed.advance(by: 3 + 2)
        #expect(probed.asked == [1, 0])
        try probed.advance(by: 1)
        #expect(probed.asked == [2, 1])
        #expect(probed.connections == [.host: 2, .others: 1])
        try probed.advance(by: 1)
        #expect(connections.allSatisfy { $0.handler.value.failure == nil })
        try probed.advance(by: 1)
        #expect(connections.allSatisfy { $0.handler.value.failure?.code == .silent })
        #expect(probed.order == [probed.other, probed.host])
        try probed.advance(by: 60)
        #expect(probed.asked == [2, 1])
    }

    @Test(
        "A node that answers on a new connection, since a leader was chosen meanwhile or one flow of TCP was dead, stays"
    )
    func answersAtLast() throws {
        let probed = Probed()
        let connection = try probed.subscribe()
        probed.answering[.host] = false
        try probed.advance(by: 5)
        probed.answering[.host] = true
        try probed.advance(by: 60)
        #expect(connection.handler.value.failure == nil)
        #expect(probed.connections == [.host: 2, .others: 1])
        #expect(probed.asked == [21, 1])
    }

    @Test(
        "A node that has stored a message since it was asked, or cannot be connected to, stays",
        arguments: [true, false]
    )
    func otherEvidence(_ hasStored: Bool) throws {
        let probed = Probed()
        let connection = try probed.subscribe()
        probed.answering[.host] = false
        try probed.advance(by: 4)
        if hasStored { connection.handler.value.lastStored = probed.loop.now } else { probed.accepting[.host] = false }
        try probed.advance(by: 6)
        #expect(connection.handler.value.failure == nil)
        #expect(probed.order == [probed.host, probed.other])
    }

    @Test("When the broker ends the connection that asks, no other one ends, and a new one asks")
    func ended() throws {
        let probed = Probed()
        let connection = try probed.subscribe()
        probed.answering = [.host: false, .others: false]
        try probed.advance(by: 33)
        try #require(probed.script).send(10, 50, [2, 29, 0, 0, 0, 0, 0])
        probed.answering = [.host: true, .others: true]
        try probed.advance(by: 40)
        #expect(connection.handler.value.failure == nil)
        #expect(probed.connections[.host] == 2)
        #expect(probed.asked[0] > 5)
    }

    @Test(
        "If no other node answers either, the cluster is choosing a leader, and the node stays",
        arguments: [true, false]
    )
    func choosing(_ accepts: Bool) throws {
        let probed = Probed()
        let connection = try probed.subscribe()
        probed.answering = [.host: false, .others: false]
        probed.accepting[.others] = accepts
        try probed.advance(by: 3)
        var seconds: [Int] = []
        for second in 1...110 {
            let count = probed.connections[.others, default: 0]
            try probed.advance(by: 1)
            if probed.connections[.others, default: 0] > count { seconds.append(second) }
        }
        // Another node has three seconds as well.
        #expect(seconds == (accepts ? [3, 9, 15, 24, 39, 66, 99] : [3, 6, 9, 15, 27, 51, 81]))
        #expect(connection.handler.value.failure == nil)
        #expect(probed.asked[0] == 1)
        probed.answering = [.host: true, .others: true]
        probed.accepting[.others] = true
        try probed.advance(by: 40)
        #expect(connection.handler.value.failure == nil)
        let count = probed.asked[1]
        probed.answering[.host] = false
        try probed.advance(by: 7)
        #expect(probed.asked[1] == count + 1, "from the beginning again")
    }

    @Test("After nodes were left three times in a row, each one has twice as long, until one answers a minute later")
    func leaving() throws {
        let probed = Probed()
        func seconds() throws -> Int {
            probed.answering[.host] = false
            let connection = try probed.subscribe()
            var seconds = 0
            while connection.handler.value.failure == nil, seconds < 100 {
                try probed.advance(by: 1)
                seconds += 1
            }
            return seconds
        }
        #expect(try (0..<5).map { _ in try seconds() } == [8, 8, 8, 11, 17])
        probed.answering[.host] = true
        let connection = try probed.subscribe()
        try probed.advance(by: 63)
        connection.handler.value.fail(ConnectionFailure(.closed, "over"))
        try probed.advance(by: 1)
        #expect(try seconds() == 8)
    }

    @Test("A node that refuses stays, and is asked again after a minute")
    func refused() throws {
        let probed = Probed()
        let connection = try probed.subscribe()
        probed.answering[.host] = false
        try probed.advance(by: 3)
        try #require(probed.script).send(20, 40, [1, 147, 0, 0, 0, 0, 0], on: 1)
        try probed.advance(by: 59)
        #expect(probed.asked == [1, 0])
        try probed.advance(by: 1)
        #expect(probed.asked == [2, 0])
        #expect(connection.handler.value.failure == nil)
    }

    @Test("Only nodes from RabbitMQ 4.3 on, and only where there are others, are asked")
    func needed() {
        #expect(ClusterProbe.isNeeded((4, 3), hosts: 2) && ClusterProbe.isNeeded((5, 0), hosts: 3))
        #expect(!ClusterProbe.isNeeded((4, 3), hosts: 1) && !ClusterProbe.isNeeded((4, 2), hosts: 3))
        #expect(!ClusterProbe.isNeeded(nil, hosts: 3))
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
        let probed = Probed()
        let connection = try probed.subscribe()
        connection.handler.value.fail(ConnectionFailure(code, "over"))
        probed.loop.run()
        #expect(probed.order == (isBlamed ? [probed.other, probed.host] : [probed.host, probed.other]))
    }
}
