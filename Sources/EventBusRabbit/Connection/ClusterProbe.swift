// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Finds out whether the node of a connection still belongs to the majority of its cluster.
///
/// From 4.3 on, RabbitMQ keeps the connections of a node that is cut off from the others: it answers what it knows by itself, delivers
/// nothing and confirms nothing. What has to be stored by a majority is not answered there, such as a binding, even one that exists;
/// another node answers it at once. If that does not either, the cluster is only choosing a new leader, for up to Erlang's
/// `net_ticktime`, and queues may work meanwhile. It may also have chosen one just before the other node was asked: so this one is
/// asked once more. An earlier version closes the connections of such a node (`pause_minority`).
///
/// Confined to the event loop.
final class ClusterProbe {
    /// How long the answer may take after another node has answered.
    static let lastPatience = TimeAmount.seconds(2)

    /// A moment, to see whether an answer has had to wait since then.
    private struct Mark {
        let probe: Int
        let time: NIODeadline
        let arrived: UInt64
    }

    private let request: ClientMethod
    private let connection: RabbitConnection
    private let hosts: HostWatch
    private let situation: () -> QueueWatch.Situation?
    private let isAnsweredElsewhere: () -> EventLoopFuture<Bool>
    private var handler: ConnectionHandler { self.connection.handler.value }
    /// Is used for nothing else.
    private var channel: AMQPChannel?
    /// Whether the request on the channel is not answered.
    private var isWaiting = false
    private var probes = 0
    /// The probe that has the turn of its host.
    private var open: Int?

    /// - Parameters:
    ///   - request: makes what should exist anyway; a binding that somebody has removed meanwhile is there again.
    ///   - situation: of the connection's subscription; `nil` when probing is over.
    ///   - isAnsweredElsewhere: whether another node answers the request.
    init(
        _ request: ClientMethod,
        on connection: RabbitConnection,
        among hosts: HostWatch,
        situation: @escaping () -> QueueWatch.Situation?,
        isAnsweredElsewhere: @escaping () -> EventLoopFuture<Bool>
    ) {
        self.request = request
        self.connection = connection
        self.hosts = hosts
        self.situation = situation
        self.isAnsweredElsewhere = isAnsweredElsewhere
    }

    /// Probes again and again until the connection ends.
    func start() {
        self.schedule(in: ProbeTurns.pause) { self.probe() }
    }

    private func probe() {
        guard let situation = self.situation() else { return }
        let now = self.handler.eventLoop.now
        guard !self.isHeldUp(situation), self.hosts.turns(of: self.connection.host, { $0.take(now: now) }) else {
            return self.start()
        }
        self.probes += 1
        self.open = self.probes
        // One that had to wait may still be on its way.
        if !self.isWaiting { self.ask(on: self.channel) }
        self.compareLater()
    }

    /// - Parameter channel: `nil` for a new one.
    private func ask(on channel: AMQPChannel?) {
        guard let channel = channel ?? (try? self.handler.openChannel()) else { return self.end(isDecided: false) }
        if channel !== self.channel {
            self.channel = channel
            _ = self.handler.call(.channelOpen, on: channel, isUrgent: false)
        }
        self.isWaiting = true
        self.handler.call(self.request, on: channel, isUrgent: false).assumeIsolated().whenComplete { result in
            self.answered(result, on: channel)
        }
    }

    private func answered(_ result: Result<Reply, any Error>, on channel: AMQPChannel) {
        let isOk = if case .success = result { true } else { false }
        if channel === self.channel {
            self.isWaiting = false
        } else if isOk {
            _ = self.handler.call(.channelClose, on: channel, isUrgent: false)
        }
        guard self.open != nil else { return }
        self.end(isDecided: self.handler.failure == nil)
        // After a refusal the channel is closed; the repair of the topology tells what is wrong.
        if isOk { self.start() }
    }

    private func compareLater() {
        let patience = self.hosts.turns(of: self.connection.host) { $0.patience }
        self.whenSilent(for: patience) { self.compare() }
    }

    private func compare() {
        guard let mark = self.mark() else { return }
        self.isAnsweredElsewhere().assumeIsolated().whenSuccess { isAnswered in
            guard self.isSilent(since: mark) else { return }
            guard isAnswered else {
                self.hosts.turns(of: self.connection.host) { $0.answeredNowhere() }
                return self.compareLater()
            }
            self.ask(on: nil)
            self.whenSilent(for: Self.lastPatience) {
                self.end(isDecided: true)
                let failure = ConnectionFailure(.silent, "the node is cut off from the majority of its cluster")
                self.hosts.lost(self.connection.host, failure)
            }
        }
    }

    /// Gives the turn back.
    private func end(isDecided: Bool) {
        self.open = nil
        self.hosts.turns(of: self.connection.host) { $0.giveBack(isDecided: isDecided) }
    }

    // MARK: Silence

    /// - Returns: `nil` if the probe is over.
    private func mark() -> Mark? {
        guard let probe = self.open else { return nil }
        guard let situation = self.situation() else {
            self.end(isDecided: false)
            return nil
        }
        return Mark(probe: probe, time: self.handler.eventLoop.now, arrived: situation.arrived)
    }

    /// Calls `body` if the open probe is not answered for a time in which its answer has had nothing to wait for.
    private func whenSilent(for time: TimeAmount, _ body: @escaping () -> Void) {
        guard let mark = self.mark() else { return }
        self.schedule(in: time) { if self.isSilent(since: mark) { body() } }
    }

    /// Whether the probe is still open, and its answer has had nothing to wait for; if it has, others get the turn.
    private func isSilent(since mark: Mark) -> Bool {
        guard self.open == mark.probe else { return false }
        guard let situation = self.situation() else {
            self.end(isDecided: false)
            return false
        }
        // The answer comes behind all deliveries before it.
        guard situation.arrived == mark.arrived, self.handler.readGate.lastOpened <= mark.time,
            !self.isHeldUp(situation)
        else {
            self.end(isDecided: false)
            self.start()
            return false
        }
        return true
    }

    private func isHeldUp(_ situation: QueueWatch.Situation) -> Bool {
        situation.isReceiving || !self.handler.readGate.isOpen || self.handler.isBlocked
            || self.handler.sending.isWaiting
    }

    private func schedule(in time: TimeAmount, _ body: @escaping () -> Void) {
        _ = self.handler.eventLoop.assumeIsolated().scheduleTask(in: time, body)
    }
}
