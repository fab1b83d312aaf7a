// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

/// A probed host and the others, each of which answers all questions or none.
final class ProbedHost {
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
