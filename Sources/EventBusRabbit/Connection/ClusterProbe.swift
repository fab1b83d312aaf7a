// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Finds out whether a node still belongs to the majority of its cluster, as long as subscriptions are open there.
///
/// From 4.3 on, RabbitMQ keeps the connections of a node that is cut off from the others: it answers what it knows by itself, delivers
/// nothing and confirms nothing. What has to be stored by a majority is not answered there, such as a binding, even one that exists;
/// another node answers it at once. If that does not either, the cluster is only choosing a new leader, for up to Erlang's
/// `net_ticktime`, and queues may work meanwhile. It may also have chosen one just before the other node was asked, or one flow of TCP
/// may be dead: so the node is asked once more on a new connection. An earlier version closes the connections of such a node
/// (`pause_minority`).
///
/// The questions have a connection of their own, which nothing is delivered to: after 30 s without a leader RabbitMQ ends the connection of
/// whoever wants to bind something, with 541.
///
/// Confined to the event loop.
final class ClusterProbe {
    /// Which node to connect to.
    enum Target {
        case host
        case others
    }

    /// From one question to the next, about.
    static let pause = TimeAmount.seconds(3)
    /// The same after a refusal, which says nothing about the majority: the repair of the topology tells what is wrong.
    static let pauseAfterRefusal = TimeAmount.seconds(60)
    /// How long an answer may take.
    static let patience = TimeAmount.seconds(3)
    /// How long it may take in the end, after another node has answered.
    static let lastPatience = TimeAmount.seconds(2)
    /// How long it may take when there was none anywhere several times.
    private static let longestPatience = TimeAmount.seconds(30)
    /// The same when nodes were left several times.
    private static let longestPatienceAfterLeaving = TimeAmount.minutes(10)

    private let host: RabbitConfiguration.Host
    private let hosts: HostWatch
    private let eventLoop: any EventLoop
    private let connect: (Target) -> EventLoopFuture<RabbitConnection>
    private let spread: () -> Double
    /// What to ask for, by the connection of each subscription.
    private var requests: [(id: ObjectIdentifier, method: ClientMethod)] = []
    private var connecting: EventLoopFuture<RabbitConnection>?
    /// Ends when the answer is there, or another question is about to be asked.
    private var round = 0
    private var roundBegan = NIODeadline.uptimeNanoseconds(0)
    /// How many questions in a row were refused.
    private var refusals = 0
    /// How often no other node has answered either.
    private var unanswered = QuickTries()

    /// - Parameters:
    ///   - spread: by what each pause is multiplied, so that connections do not ask all at once.
    ///   - connect: opens a new connection.
    init(
        _ host: RabbitConfiguration.Host,
        among hosts: HostWatch,
        on eventLoop: any EventLoop,
        spread: @escaping () -> Double = { .random(in: 0.7...1.3) },
        connect: @escaping (Target) -> EventLoopFuture<RabbitConnection>
    ) {
        self.host = host
        self.hosts = hosts
        self.eventLoop = eventLoop
        self.spread = spread
        self.connect = connect
    }

    /// Whether RabbitMQ of this version keeps the connections of a node that is cut off.
    static func isNeeded(_ version: (major: Int, minor: Int)?, hosts: Int) -> Bool {
        hosts > 1 && version.map { $0 >= (4, 3) } ?? false
    }

    /// Probes as long as the connection of a subscription is open.
    ///
    /// - Parameter request: makes what should exist anyway; a binding that somebody has removed meanwhile is there again.
    func watch(_ connection: RabbitConnection, with request: ClientMethod) {
        let id = ObjectIdentifier(connection.channel)
        self.requests.append((id, request))
        if self.requests.count == 1 { self.next() }
        connection.channel.closeFuture.assumeIsolated().whenComplete { _ in
            self.requests.removeAll { $0.id == id }
            guard self.requests.isEmpty else { return }
            self.round += 1
            self.disconnect()
        }
    }

    /// The connection for what the cluster may be unable to do, as long as subscriptions are open.
    func connection() -> EventLoopFuture<RabbitConnection> {
        if let connecting = self.connecting { return connecting }
        guard !self.requests.isEmpty else {
            return self.eventLoop.makeFailedFuture(ConnectionFailure(.closed, "the subscription has ended"))
        }
        let connecting = self.connect(.host)
        self.connecting = connecting
        let forget = { if self.connecting === connecting { self.connecting = nil } }
        connecting.assumeIsolated().whenComplete { result in
            guard case .success(let connection) = result else { return forget() }
            connection.channel.closeFuture.assumeIsolated().whenComplete { _ in forget() }
        }
        return connecting
    }

    private func disconnect() {
        self.connecting?.assumeIsolated().whenSuccess { connection in
            connection.handler.value.fail(ConnectionFailure(.closed, "a new connection asks instead"))
        }
        self.connecting = nil
    }

    // MARK: Rounds

    private func next(in pause: TimeAmount = ClusterProbe.pause) {
        self.round += 1
        self.schedule(in: .nanoseconds(Int64(Double(pause.nanoseconds) * self.spread()))) { self.begin() }
    }

    private func begin() {
        // What a queue has stored, a majority has.
        guard self.eventLoop.now - self.hosts.lastStored(at: self.host) >= Self.pause else { return self.next() }
        self.roundBegan = self.eventLoop.now
        self.ask()
        self.compareLater()
    }

    private func ask() {
        let round = self.round
        self.request(on: self.connection()).assumeIsolated().whenComplete { result in
            guard round == self.round else { return }
            switch result {
            case .success:
                self.unanswered = QuickTries()
                self.refusals = 0
                self.hosts.leaving { $0.worked(now: self.eventLoop.now) }
                self.next()
            case .failure(let error):
                // Without an answer, the time decides.
                guard case .channelClosed? = (error as? ConnectionFailure)?.code else { return }
                // Another subscription may be allowed what was refused to this one.
                if !self.requests.isEmpty { self.requests.append(self.requests.removeFirst()) }
                self.refusals += 1
                self.next(in: self.refusals < self.requests.count ? Self.pause : Self.pauseAfterRefusal)
            }
        }
    }

    private func compareLater() {
        let patience = max(
            self.unanswered.patience(Self.patience, longest: Self.longestPatience),
            self.hosts.leaving { $0.patience(Self.patience, longest: Self.longestPatienceAfterLeaving) }
        )
        self.schedule(in: patience) { self.compare() }
    }

    private func compare() {
        let round = self.round
        self.isAnsweredElsewhere().assumeIsolated().whenSuccess { isAnswered in
            guard round == self.round else { return }
            guard isAnswered else {
                self.unanswered.tried(now: self.eventLoop.now)
                return self.compareLater()
            }
            self.disconnect()
            self.ask()
            self.connection().assumeIsolated().whenComplete { result in
                guard round == self.round else { return }
                // A node that cannot be connected to is not what this looks for.
                guard case .success = result else { return self.next() }
                self.schedule(in: Self.lastPatience) { self.leave() }
            }
        }
    }

    private func leave() {
        self.disconnect()
        self.next()
        guard self.hosts.lastStored(at: self.host) < self.roundBegan else { return }
        self.hosts.leaving { $0.tried(now: self.eventLoop.now) }
        self.hosts.lost(
            self.host,
            ConnectionFailure(.silent, "the node is cut off from the majority of its cluster")
        )
    }

    private func isAnsweredElsewhere() -> EventLoopFuture<Bool> {
        let connecting = self.connect(.others)
        let isAnswered = self.request(on: connecting).map { _ in true }.recover { _ in false }
        connecting.assumeIsolated().whenSuccess { connection in
            let end = { connection.handler.value.fail(ConnectionFailure(.closed, "the node has had its time")) }
            let timer = self.eventLoop.assumeIsolated().scheduleTask(in: Self.patience, end)
            isAnswered.assumeIsolated().whenComplete { _ in
                timer.cancel()
                connection.handler.value.close()
            }
        }
        return isAnswered
    }

    /// Asks on a channel of its own, since a refusal closes it.
    private func request(on connecting: EventLoopFuture<RabbitConnection>) -> EventLoopFuture<Reply> {
        connecting.assumeIsolated().flatMap { connection in
            let handler = connection.handler.value
            guard let method = self.requests.first?.method, let channel = try? handler.openChannel() else {
                return self.eventLoop.makeFailedFuture(ConnectionFailure(.closed, "nothing is asked any more"))
            }
            _ = handler.call(.channelOpen, on: channel, isUrgent: false)
            let reply = handler.call(method, on: channel, isUrgent: false)
            reply.assumeIsolated().whenSuccess { _ in
                _ = handler.call(.channelClose, on: channel, isUrgent: false)
            }
            return reply
        }.nonisolated()
    }

    /// Calls `body` after a time, unless the round has ended by then.
    private func schedule(in time: TimeAmount, _ body: @escaping () -> Void) {
        let round = self.round
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: time) { if round == self.round { body() } }
    }
}
