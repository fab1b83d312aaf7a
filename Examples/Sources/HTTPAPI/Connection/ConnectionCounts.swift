// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// How many connections each client has, so that none of them takes those of all others: a pure value.
///
/// It remembers a client only as long as it has a connection.
struct ConnectionCounts: Sendable {
    /// What becomes of a new connection.
    enum Decision: Sendable, Hashable {
        case accept
        /// Nothing is said about it now.
        case refuse
        /// It is time to say how many were refused since the last time, this one included.
        case refuseAndTell(count: Int)
    }

    /// The least time between two messages: a client that is refused can come again as fast as it likes.
    static let pause = TimeAmount.seconds(60)

    let maximum: Int

    private var counts: [ClientAddress: Int] = [:]
    private var untold = 0
    private var toldAt: NIODeadline?

    init(maximum: Int) {
        self.maximum = maximum
    }

    /// The number of clients that are remembered.
    var clients: Int { self.counts.count }

    /// A client has connected.
    ///
    /// If the connection is accepted, ``close(_:)`` has to follow.
    mutating func open(_ client: ClientAddress, at now: NIODeadline) -> Decision {
        let count = self.counts[client, default: 0]
        guard count >= self.maximum else {
            self.counts[client] = count + 1
            return .accept
        }
        self.untold += 1
        if let toldAt = self.toldAt, now < toldAt + Self.pause { return .refuse }
        self.toldAt = now
        defer { self.untold = 0 }
        return .refuseAndTell(count: self.untold)
    }

    /// A connection that was accepted has ended.
    mutating func close(_ client: ClientAddress) {
        guard let count = self.counts[client] else { return }
        self.counts[client] = count > 1 ? count - 1 : nil
    }
}
