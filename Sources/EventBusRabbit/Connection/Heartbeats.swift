// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// When to send a heartbeat, and when the peer counts as dead (AMQP 0-9-1 §4.2.7): a pure state machine.
struct Heartbeats {
    enum Action: Hashable {
        case none
        case send
        case giveUp
    }

    let interval: TimeAmount
    private var lastRead: NIODeadline
    private var lastWrite: NIODeadline

    init(interval: TimeAmount, now: NIODeadline) {
        self.interval = interval
        self.lastRead = now
        self.lastWrite = now
    }

    /// How often to call ``tick(now:)``.
    var period: TimeAmount { .nanoseconds(self.interval.nanoseconds / 2) }

    mutating func read(now: NIODeadline) { self.lastRead = now }

    mutating func wrote(now: NIODeadline) { self.lastWrite = now }

    mutating func tick(now: NIODeadline) -> Action {
        if now - self.lastRead > .nanoseconds(self.interval.nanoseconds * 2) { return .giveUp }
        // Half an interval early, since the next tick would be too late.
        guard now - self.lastWrite >= self.period else { return .none }
        self.lastWrite = now
        return .send
    }
}
