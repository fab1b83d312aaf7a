// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
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

    @Test("While a node stores messages of other channels, only the channel is replaced on which nothing is confirmed")
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

    @Test("A node is left although it confirms events that need no subscriber: one in a minority does so as well")
    func minority() throws {
        let fixture = try PublishFixture(hasOtherHosts: true)
        try fixture.publish(["a1"])
        for number in 2...5 as ClosedRange<UInt8> {
            try fixture.advance(by: 1)
            try fixture.publish(["b\(number)"], requiresSubscriber: false)
            try fixture.acknowledge(number)
        }
        #expect(fixture.isConnected)
        try fixture.advance(by: 1)
        #expect(!fixture.isConnected)
        #expect(fixture.known.values.sorted() == ["confirmed", "confirmed", "confirmed", "confirmed", "unknown"])
    }

    @Test("Such confirms are not the end of a silence in health either, but where nothing is held up they are")
    func health() throws {
        let fixture = try PublishFixture()
        for number in 1...20 as ClosedRange<UInt8> {
            try fixture.publish(["b\(number)"], requiresSubscriber: false)
            try fixture.acknowledge(number)
            try fixture.advance(by: 1)
        }
        #expect(fixture.health.problems == [])
        try fixture.publish(["a21"])
        for number in 22...41 as ClosedRange<UInt8> {
            try fixture.advance(by: 1)
            try fixture.publish(["b\(number)"], requiresSubscriber: false)
            try fixture.acknowledge(number)
        }
        #expect(fixture.health.problems.count == 1)
        try fixture.acknowledge(21)
        #expect(fixture.health.problems == [])
    }

    @Test("That a node refuses messages on other channels proves nothing")
    func refusing() throws {
        let fixture = try PublishFixture(.copies, hasOtherHosts: true)
        let (events, channel) = try fixture.another(.events)
        try fixture.publish(["a1"])
        for number in 1...5 {
            try fixture.publish(["\(number)"], through: events)
            try fixture.refuse(UInt8(number), on: channel)
            #expect(fixture.isConnected)
            try fixture.advance(by: 1)
        }
        #expect(!fixture.isConnected)
    }

    @Test("A queue that is full does not end the connection while messages on another channel are stored")
    func fullQueue() throws {
        let fixture = try PublishFixture(.copies, hasOtherHosts: true)
        let (events, channel) = try fixture.another(.events)
        var (current, tag): (UInt16, UInt8) = (1, 0)
        var replaced: [Int] = []
        for second in 0...60 {
            try fixture.publish(["e\(second)"], through: events)
            try fixture.acknowledge(UInt8(second + 1), on: channel)
            try fixture.publish(["a\(second)"])
            tag += 1
            try fixture.refuse(tag, on: current)
            if let next = try fixture.opening() {
                replaced.append(second)
                (current, tag) = (next, 0)
                try fixture.acceptChannel(next)
            }
            try fixture.advance(by: 1)
        }
        #expect(fixture.isConnected)
        #expect(replaced == [3, 6, 12, 24, 48])
    }

    @Test("What waits on a channel that refuses a topic gets its outcome at once, and the channel is closed")
    func refusingChannel() throws {
        let fixture = try PublishFixture(hasOtherHosts: true)
        try fixture.publish(["a1", "a2", "b1"])
        try fixture.refuse(1)
        try fixture.advance(by: 3)
        #expect(try fixture.published().count == 3)
        try fixture.refuse(2)
        #expect(fixture.known["b1"] == "unknown")
        #expect(try fixture.broker.written() == ["20.10", "85.10", "20.40"])
        #expect(fixture.isConnected)
    }

    @Test("The time of a node begins when a message is written that had to wait for the socket")
    func unwritable() throws {
        let fixture = try PublishFixture(hasOtherHosts: true)
        fixture.broker.channel.isWritable = false
        fixture.broker.channel.pipeline.fireChannelWritabilityChanged()
        try fixture.publish(["a1"])
        try fixture.advance(by: 1)
        #expect(try fixture.published() == [])
        fixture.broker.channel.isWritable = true
        fixture.broker.channel.pipeline.fireChannelWritabilityChanged()
        try fixture.advance(by: 4)
        #expect(fixture.isConnected)
        try fixture.advance(by: 1)
        #expect(!fixture.isConnected)
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
