// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// How long to wait before the next attempt to connect: a pure state machine.
///
/// A broker that comes back is found within two seconds, however long it was away. One that refuses the login is asked rarely, since only
/// people can mend that.
struct ReconnectBackoff {
    private var soon = Backoff(first: .milliseconds(500), longest: .seconds(2))
    private var rarely = Backoff(first: .seconds(1), longest: .seconds(30))

    /// - Parameter time: how long the attempt took, or the connection lasted.
    /// - Returns: the longest pause; the caller takes a random part of it, so that clients do not come all at once.
    mutating func next(after error: BusError, lasted time: Duration) -> Duration {
        if time > .seconds(60) {
            self.soon.reset()
            self.rarely.reset()
        }
        switch (error.cause as? ConnectionFailure)?.code {
        // The login is refused; the virtual host is unknown or forbidden; the exchange exists with another type.
        case .closedByBroker(403), .closedByBroker(530), .channelClosed(406): return self.rarely.next()
        default: return self.soon.next()
        }
    }
}
