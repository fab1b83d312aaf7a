// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import Synchronization

/// What the connections of one bus know of its hosts.
final class HostWatch: Sendable {
    private typealias Host = RabbitConfiguration.Host

    private struct State {
        var failures = HostFailures()
        var connections: [Host: [ObjectIdentifier: RabbitConnection]] = [:]
        /// When a connection to the host has last begun a probe.
        var probes: [Host: NIODeadline] = [:]
    }

    private let state = Mutex(State())

    var failures: HostFailures { self.state.withLock { $0.failures } }

    /// A connection could not be made.
    func failed(_ host: RabbitConfiguration.Host, now: NIODeadline = .now()) {
        self.state.withLock { $0.failures.failed(host, now: now) }
    }

    /// A connection was made; unless this side closes it, its end counts as a failure of the host.
    func add(_ connection: RabbitConnection) {
        let id = ObjectIdentifier(connection.channel)
        self.state.withLock { $0.connections[connection.host, default: [:]][id] = connection }
        connection.channel.closeFuture.whenComplete { _ in
            let isOver = connection.handler.value.failure?.code == .closed
            self.state.withLock { state in
                state.connections[connection.host]?[id] = nil
                if !isOver { state.failures.failed(connection.host, now: .now()) }
            }
        }
    }

    /// Whether it is time to probe a host; of several connections to it only one is told so.
    func mayProbe(_ host: RabbitConfiguration.Host, every pause: TimeAmount, now: NIODeadline) -> Bool {
        self.state.withLock { state in
            if let last = state.probes[host], now - last < pause { return false }
            state.probes[host] = now
            return true
        }
    }

    /// Nothing works at the host any more: ends all connections to it, so that others are made to other hosts.
    func lost(_ host: RabbitConfiguration.Host, _ failure: ConnectionFailure) {
        let connections = self.state.withLock { Array(($0.connections[host] ?? [:]).values) }
        for connection in connections {
            connection.eventLoop.execute { connection.handler.value.fail(failure) }
        }
    }
}
