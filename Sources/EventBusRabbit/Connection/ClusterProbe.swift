// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Finds out whether the node of a connection still belongs to the majority of its cluster.
///
/// From 4.3 on, RabbitMQ keeps the connections of a node that is cut off from the others: it answers what it knows by itself, delivers
/// nothing and confirms nothing. What has to be stored by a majority is not answered there, such as a binding, even one that exists;
/// another node answers it at once. If that does not either, the cluster is only choosing a new leader, for up to Erlang's
/// `net_ticktime`, and queues may work meanwhile. An earlier version closes the connections of such a node (`pause_minority`).
///
/// Confined to the event loop.
final class ClusterProbe {
    static let pause = TimeAmount.seconds(3)
    /// How long the answer may take.
    static let patience = TimeAmount.seconds(4)

    private let request: ClientMethod
    private let connection: RabbitConnection
    private let channel: AMQPChannel
    private let hosts: HostWatch
    private let situation: () -> QueueWatch.Situation?
    private let isAnsweredElsewhere: () -> EventLoopFuture<Bool>
    private var handler: ConnectionHandler { self.connection.handler.value }
    private var probes = 0
    /// The probe that is not answered.
    private var open: Int?

    /// - Parameters:
    ///   - request: changes nothing.
    ///   - channel: is used for nothing else.
    ///   - situation: of the connection's subscription; `nil` when probing is over.
    ///   - isAnsweredElsewhere: whether another node answers the request.
    init(
        _ request: ClientMethod,
        on connection: RabbitConnection,
        _ channel: AMQPChannel,
        among hosts: HostWatch,
        situation: @escaping () -> QueueWatch.Situation?,
        isAnsweredElsewhere: @escaping () -> EventLoopFuture<Bool>
    ) {
        self.isAnsweredElsewhere = isAnsweredElsewhere
        self.situation = situation
        self.request = request
        self.connection = connection
        self.channel = channel
        self.hosts = hosts
    }

    /// Probes again and again until the connection ends.
    func start() {
        _ = self.handler.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.probe() }
    }

    private func probe() {
        guard self.situation() != nil else { return }
        let now = self.handler.eventLoop.now
        guard self.hosts.mayProbe(self.connection.host, every: Self.pause, now: now) else { return self.start() }
        self.probes += 1
        self.open = self.probes
        self.watch(self.probes)
        self.handler.call(self.request, on: self.channel, isUrgent: false).assumeIsolated().whenComplete { result in
            self.open = nil
            // After a refusal the channel is closed; the repair of the topology tells what is wrong.
            if case .success = result { self.start() }
        }
    }

    private func watch(_ probe: Int) {
        let arrived = self.situation()?.arrived
        _ = self.handler.eventLoop.assumeIsolated().scheduleTask(in: Self.patience) {
            guard self.open == probe, let situation = self.situation() else { return }
            // The answer comes behind all deliveries before it.
            let isHeldUp = situation.isReceiving || situation.arrived != arrived || !self.handler.readGate.isOpen
            guard !isHeldUp, !self.handler.isBlocked, !self.handler.sending.isWaiting else { return self.watch(probe) }
            self.ask(probe)
        }
    }

    private func ask(_ probe: Int) {
        self.isAnsweredElsewhere().assumeIsolated().whenSuccess { isAnswered in
            guard self.open == probe, self.situation() != nil else { return }
            guard isAnswered else { return self.watch(probe) }
            let failure = ConnectionFailure(.silent, "the node is cut off from the majority of its cluster")
            self.hosts.lost(self.connection.host, failure)
        }
    }
}
