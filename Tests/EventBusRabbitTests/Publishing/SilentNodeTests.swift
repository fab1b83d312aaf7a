// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOEmbedded
import Testing

@testable import EventBusRabbit

@Suite("Publishing when there are other hosts")
struct SilentNodeTests {
    @Test("When there are other hosts, a node that confirms nothing for five seconds is left")
    func silentNode() throws {
        let fixture = try PublishFixture(hasOtherHosts: true)
        try fixture.advance(by: 60)
        try fixture.publish(["a1", "a2"])
        try fixture.advance(by: 4)
        try fixture.acknowledge(1)
        try fixture.advance(by: 4)
        #expect(fixture.isConnected)
        #expect(fixture.known == ["a1": "confirmed"])
        try fixture.advance(by: 1)
        #expect(!fixture.isConnected)
        #expect(fixture.known["a2"] == "unknown")
    }

    @Test("While a node answers other channels, only the channel is replaced on which nothing is confirmed")
    func silentQueue() throws {
        let fixture = try PublishFixture(.copies, hasOtherHosts: true)
        let (events, channel) = try fixture.another(.events)
        var current: UInt16 = 1
        try fixture.publish(["a1"])
        for number in 1...60 {
            try fixture.publish(["e\(number)"], through: events)
            try fixture.acknowledge(UInt8(number), on: channel)
            try fixture.advance(by: 1)
            #expect(fixture.isConnected)
            guard number % 5 == 0, let next = try fixture.opening() else { continue }
            current = next
            try fixture.acceptChannel(next)
            try fixture.publish(["a\(number)"])
        }
        // After 5, 10, 15, 25 and 45 s: ever more rarely.
        #expect(current == channel + 5)
        #expect(fixture.known["e60"] == "confirmed")
        // The first one is still answered where it was sent, until its own time is over.
        #expect(fixture.known["a1"] == "unknown")
        try fixture.acknowledge(1, on: current)
        #expect(fixture.known["a45"] == "confirmed")
    }

    @Test("During an alarm, and while nothing is expected, no node is left")
    func silentWithReason() throws {
        let fixture = try PublishFixture(.copies, hasOtherHosts: true)
        try fixture.publish(["a1"])
        try fixture.broker.send(10, 60, [3] + Array("low".utf8))
        try fixture.advance(by: 100)
        try fixture.broker.send(10, 61)
        try fixture.advance(by: 4)
        try fixture.acknowledge(1)
        try fixture.advance(by: 100)
        #expect(fixture.isConnected)
        try fixture.broker.send(10, 60, [3] + Array("low".utf8))
        try fixture.publish(["a2"])
        try fixture.broker.send(10, 61)
        try fixture.advance(by: 5)
        #expect(!fixture.isConnected)
    }
}
