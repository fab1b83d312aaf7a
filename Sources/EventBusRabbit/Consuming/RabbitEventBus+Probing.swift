// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

extension RabbitEventBus {
    /// Probes whether the node of an open subscription belongs to the majority of its cluster, if that has to be found out.
    ///
    /// - Returns: makes the connection for what the cluster may be unable to do.
    func probe(
        _ subscription: Subscription,
        on connection: RabbitConnection
    ) async throws -> @Sendable () async throws -> RabbitConnection {
        let binding = Declaration.oneBinding(of: subscription).active
        let probes = self.probes
        let isProbed = try await connection.onLoop { [configuration, hosts, eventLoop] handler in
            guard ClusterProbe.isNeeded(handler.version, hosts: configuration.hosts.count) else { return false }
            let host = connection.host
            let probe =
                probes.value[host]
                ?? ClusterProbe(host, among: hosts, on: eventLoop) { target in
                    eventLoop.makeFutureWithTask {
                        try await RabbitConnection.open(
                            configuration,
                            name: "\(configuration.connectionName)/probe",
                            on: eventLoop,
                            among: hosts,
                            to: target == .host ? .only(host) : .except(host)
                        )
                    }
                }
            probes.value[host] = probe
            probe.watch(connection, with: binding)
            return true
        }
        guard isProbed else { return { connection } }
        return {
            try await connection.eventLoop.flatSubmit {
                probes.value[connection.host]?.connection()
                    ?? connection.eventLoop.makeSucceededFuture(connection)
            }.get()
        }
    }
}
