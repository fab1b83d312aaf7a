// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import Testing

@testable import HTTPAPI

@Suite("Numbers of connections")
struct ConnectionCountsTests {
    private let ada = ClientAddress("192.0.2.1")
    private let grace = ClientAddress("192.0.2.2")

    @Test("a client has as many connections as it may, and others have theirs")
    func maximum() throws {
        let (ada, grace) = (try #require(self.ada), try #require(self.grace))
        var counts = ConnectionCounts(maximum: 2)
        for _ in 0..<2 { #expect(counts.open(ada, at: .now()) == .accept) }
        #expect(counts.open(ada, at: .now()) == .refuseAndTell(count: 1))
        for _ in 0..<2 { #expect(counts.open(grace, at: .now()) == .accept) }
    }

    @Test("a connection that ends makes room for one, and one that was refused for none")
    func room() throws {
        let ada = try #require(self.ada)
        var counts = ConnectionCounts(maximum: 2)
        for _ in 0..<2 { #expect(counts.open(ada, at: .now()) == .accept) }
        for _ in 0..<100 { #expect(counts.open(ada, at: .now()) != .accept) }
        for _ in 0..<100 {
            counts.close(ada)
            #expect(counts.open(ada, at: .now()) == .accept)
            #expect(counts.open(ada, at: .now()) != .accept)
        }
        for _ in 0..<2 { counts.close(ada) }
        for _ in 0..<2 { #expect(counts.open(ada, at: .now()) == .accept) }
        #expect(counts.open(ada, at: .now()) != .accept)
    }

    @Test("clients without a connection are forgotten")
    func memory() throws {
        let clients = try (0..<65_536).map { try #require(ClientAddress("10.0.\($0 / 256).\($0 % 256)")) }
        var counts = ConnectionCounts(maximum: 1)
        for client in clients { #expect(counts.open(client, at: .now()) == .accept) }
        #expect(counts.clients == clients.count)
        for client in clients {
            #expect(counts.open(client, at: .now()) != .accept)
            counts.close(client)
        }
        #expect(counts.clients == 0)
    }

    @Test("the addresses of one network of IPv6 are one client")
    func network() throws {
        let (first, second) = (try #require(ClientAddress("2001:db8::1")), try #require(ClientAddress("2001:db8::2")))
        var counts = ConnectionCounts(maximum: 1)
        #expect(counts.open(first, at: .now()) == .accept)
        #expect(counts.open(second, at: .now()) != .accept)
    }

    @Test("what is refused is told at most once a minute, with how many there were")
    func told() throws {
        let ada = try #require(self.ada)
        var counts = ConnectionCounts(maximum: 1)
        let start = NIODeadline.now()
        #expect(counts.open(ada, at: start) == .accept)
        #expect(counts.open(ada, at: start) == .refuseAndTell(count: 1))
        for second in [0, 1, 59] as [Int64] { #expect(counts.open(ada, at: start + .seconds(second)) == .refuse) }
        #expect(counts.open(ada, at: start + .seconds(60)) == .refuseAndTell(count: 4))
        #expect(counts.open(ada, at: start + .seconds(119)) == .refuse)
        #expect(counts.open(ada, at: start + .seconds(500)) == .refuseAndTell(count: 2))
    }
}
