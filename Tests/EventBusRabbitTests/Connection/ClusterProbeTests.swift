// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Whether a node belongs to the majority of its cluster")
struct ClusterProbeTests {
    @Test("It is asked every three seconds on a connection of its own, until the last subscription ends")
    func pause() throws {
        let probed = ProbedHost()
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
        let probed = ProbedHost()
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
        let probed = ProbedHost()
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
        let probed = ProbedHost()
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
        let probed = ProbedHost()
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
        let probed = ProbedHost()
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
        let probed = ProbedHost()
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
        let probed = ProbedHost()
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
        let probed = ProbedHost()
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

    @Test(
        "What is refused for one subscription is asked for another one at the next time, and pauses when all are refused"
    )
    func refusedForOne() throws {
        let probed = ProbedHost()
        let connections = [try probed.subscribe("q1"), try probed.subscribe("q2")]
        probed.answering[.host] = false
        try probed.advance(by: 3)
        try #require(probed.script).send(20, 40, [1, 147, 0, 0, 0, 0, 0], on: 1)
        try probed.advance(by: 3)
        #expect(probed.asked == [2, 0])
        try #require(probed.script).send(20, 40, [1, 147, 0, 0, 0, 0, 0], on: 1)
        try probed.advance(by: 59)
        #expect(probed.asked == [2, 0])
        try probed.advance(by: 1)
        #expect(probed.asked == [3, 0])
        #expect(connections.allSatisfy { $0.handler.value.failure == nil })
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
        let probed = ProbedHost()
        let connection = try probed.subscribe()
        connection.handler.value.fail(ConnectionFailure(code, "over"))
        probed.loop.run()
        #expect(probed.order == (isBlamed ? [probed.other, probed.host] : [probed.host, probed.other]))
    }
}
