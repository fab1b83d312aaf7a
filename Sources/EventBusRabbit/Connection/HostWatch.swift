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
        var turns: [Host: ProbeTurns] = [:]
    }

    private let state = Mutex(State())

    var failures: HostFailures { self.state.withLock { $0.failures } }

    /// A connection could not be made.
    func failed(_ host: RabbitConfiguration.Host, now: NIODeadline = .now()) {
        self.state.withLock { $0.failures.failed(host, now: now) }
    }

    /// A connection was made; its end counts as a failure of the host if that can be the cause.
    func add(_ connection: RabbitConnection) {
        let id = ObjectIdentifier(connection.channel)
        self.state.withLock { $0.connections[connection.host, default: [:]][id] = connection }
        connection.channel.closeFuture.whenComplete { _ in
            let isFault = connection.handler.value.failure?.blamesHost ?? true
            self.state.withLock { state in
                state.connections[connection.host]?[id] = nil
                if isFault { state.failures.failed(connection.host, now: .now()) }
            }
        }
    }

    /// The turns of the connections to a host to probe it.
    func turns<Value: Sendable>(of host: RabbitConfiguration.Host, _ body: (inout ProbeTurns) -> Value) -> Value {
        self.state.withLock { body(&$0.turns[host, default: ProbeTurns()]) }
    }

    /// Nothing works at the host any more: ends all connections to it, so that others are made to other hosts.
    func lost(_ host: RabbitConfiguration.Host, _ failure: ConnectionFailure) {
        let connections = self.state.withLock { Array(($0.connections[host] ?? [:]).values) }
        for connection in connections {
            connection.eventLoop.execute { connection.handler.value.fail(failure) }
        }
    }
}
