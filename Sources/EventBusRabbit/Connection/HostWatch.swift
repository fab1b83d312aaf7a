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
        /// Hosts that were left because others belong to the majority: one count for all, since the whole cluster may be too slow.
        var leaving = QuickTries()
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

    func leaving<Value: Sendable>(_ body: (inout QuickTries) -> Value) -> Value {
        self.state.withLock { body(&$0.leaving) }
    }

    /// When a queue has last stored a message that was published at the host; on the event loop of the bus.
    func lastStored(at host: RabbitConfiguration.Host) -> NIODeadline {
        self.connections(to: host).map(\.handler.value.lastStored).max() ?? .uptimeNanoseconds(0)
    }

    /// Nothing works at the host any more: ends all connections to it, so that others are made to other hosts.
    func lost(_ host: RabbitConfiguration.Host, _ failure: ConnectionFailure) {
        for connection in self.connections(to: host) {
            connection.eventLoop.execute { connection.handler.value.fail(failure) }
        }
    }

    private func connections(to host: RabbitConfiguration.Host) -> [RabbitConnection] {
        self.state.withLock { Array(($0.connections[host] ?? [:]).values) }
    }
}
