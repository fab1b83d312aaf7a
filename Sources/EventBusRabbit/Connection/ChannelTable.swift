// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The open channels of a connection.
struct ChannelTable {
    /// The largest body that RabbitMQ 3 accepts by default; a larger one ends the connection.
    private static let maximumIncomingBody = 128 * 1024 * 1024

    private var channels: [UInt16: AMQPChannel] = [:]
    /// The channel of the last frame, which the next one nearly always belongs to as well.
    private var recent: AMQPChannel?

    var all: Dictionary<UInt16, AMQPChannel>.Values { self.channels.values }

    /// Takes the lowest free number.
    mutating func open() -> AMQPChannel {
        var number: UInt16 = 1
        while self.channels[number] != nil { number += 1 }
        let channel = AMQPChannel(number: number, maximumBody: Self.maximumIncomingBody)
        self.channels[number] = channel
        return channel
    }

    mutating func channel(_ number: UInt16) -> AMQPChannel? {
        if let recent = self.recent, recent.number == number, recent.failure == nil { return recent }
        self.recent = self.channels[number]
        return self.recent
    }

    mutating func remove(_ channel: AMQPChannel) {
        self.channels[channel.number] = nil
    }

    mutating func removeAll() -> [AMQPChannel] {
        defer { self = ChannelTable() }
        return Array(self.channels.values)
    }
}
