// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// One thing that has to exist on the broker.
struct Declaration {
    enum Kind: String { case exchange, queue, binding, shardExchange = "exchange of shards" }

    let kind: Kind
    let name: String
    let active: ClientMethod
    /// Only asks whether it exists; `nil` for a binding, for which AMQP has no question.
    let passive: ClientMethod?

    static let exchange = Declaration(
        kind: .exchange,
        name: Topology.exchange,
        active: .exchangeDeclare(name: Topology.exchange, type: "topic"),
        passive: .exchangeDeclare(name: Topology.exchange, type: "topic", passive: true)
    )

    static func queue(_ name: String, _ arguments: Topology.Arguments) -> Declaration {
        Declaration(
            kind: .queue,
            name: name,
            active: .queueDeclare(name: name, passive: false, arguments: arguments),
            passive: .queueDeclare(name: name, passive: true, arguments: [])
        )
    }

    static func retryQueue(of subscription: SubscriptionName, _ delay: Duration) -> Declaration {
        .queue(Topology.retry(subscription, delay), Topology.retryArguments(of: subscription, delay))
    }

    /// The exchange and everything that a subscription has as long as it exists.
    ///
    /// Bindings of earlier starts remain, since AMQP cannot list them.
    static func all(for subscription: Subscription) -> [Declaration] {
        [.exchange] + Topology.queues(of: subscription).map { Self.queue($0.name, $0.arguments) }
            + Self.bindings(of: subscription)
    }

    static func bindings(of subscription: Subscription) -> [Declaration] {
        guard subscription.shards == 1 else { return self.shardBindings(of: subscription) }
        let queue = subscription.name.description
        return subscription.patterns.map { pattern in
            Declaration(
                kind: .binding,
                name: "of \(queue) to \(Topology.exchange) with \(pattern.text)",
                active: .queueBind(queue: queue, exchange: Topology.exchange, routingKey: pattern.text),
                passive: nil
            )
        }
    }

    fileprivate func method(isPassive: Bool) -> ClientMethod {
        isPassive ? self.passive ?? self.active : self.active
    }

    /// Why it cannot be used, with its name.
    func reason(_ error: any Error) -> String {
        let text = (error as? BusError)?.message ?? "\(error)"
        return text.contains(self.name)
            ? text : "RabbitMQ: \(self.kind.rawValue) \(self.name): \(text.trimmingPrefix("RabbitMQ: "))"
    }

    /// - Parameter refusal: the user may not create it.
    func error(_ failure: ConnectionFailure, after refusal: ConnectionFailure?) -> BusError {
        let what = "RabbitMQ: \(self.kind.rawValue) \(self.name)"
        switch failure.code {
        case .channelClosed(406):
            // Then the broker's text names the argument and both values; a newer broker may refuse a queue for another reason.
            let way =
                self.kind == .queue && failure.text.contains("inequivalent arg")
                ? "; RabbitEventBus.renewQueues(of:) makes the queues anew and keeps the messages" : ""
            let number = Topology.number(ofShardsIn: failure.text).map { "it exists with \($0) shards: " } ?? ""
            return BusError(.topologyMismatch, "\(what): \(number)\(failure.text)\(way)", cause: failure)
        case .channelClosed(404):
            let reason = refusal.map { " and may not be created: \($0.text)" } ?? ": \(failure.text)"
            return BusError(.unavailable, "\(what) does not exist\(reason)", cause: failure)
        default:
            return BusError(.unavailable, "\(what): \(failure.text)", cause: failure)
        }
    }
}

extension RabbitConnection {
    /// Makes sure that everything exists, in one round trip; what exists already is left as it is.
    ///
    /// A user without the right to create exchanges or queues can use those that somebody else has created.
    ///
    /// - Throws: `BusError` with code `topologyMismatch` when something exists with other arguments.
    func declare(_ declarations: [Declaration]) async throws {
        // By kind: whoever may not create one queue of a subscription, may not create the others either.
        var refusals: [Declaration.Kind: ConnectionFailure] = [:]
        while let (place, failure) = try await self.ask(
            declarations.map { $0.method(isPassive: refusals[$0.kind] != nil) }
        ) {
            let declaration = declarations[place]
            let refusal = refusals[declaration.kind]
            guard failure.code == .channelClosed(403), refusal == nil, declaration.kind != .binding else {
                throw declaration.error(failure, after: refusal)
            }
            refusals[declaration.kind] = failure
        }
    }

    /// Sends requests on a channel of their own without waiting in between.
    ///
    /// - Returns: which of them failed first; `nil` if all were granted.
    private func ask(_ methods: [ClientMethod]) async throws -> (place: Int, ConnectionFailure)? {
        let channel = try await self.openChannel()
        if let failed = try await self.ask(methods, on: channel) { return failed }
        try await self.call(.channelClose, on: channel)
        return nil
    }

    private func ask(
        _ methods: [ClientMethod],
        on channel: NIOLoopBound<AMQPChannel>
    ) async throws -> (place: Int, ConnectionFailure)? {
        let results = try await self.eventLoop.flatSubmit {
            let replies = methods.map { self.handler.value.call($0, on: channel.value) }
            return EventLoopFuture.whenAllComplete(replies, on: self.eventLoop)
        }.get()
        for (place, result) in results.enumerated() {
            guard case .failure(let error) = result else { continue }
            guard let failure = error as? ConnectionFailure else { throw error }
            return (place, failure)
        }
        return nil
    }

    /// Whether there is an exchange of this name, of whatever type.
    func hasExchange(_ name: String) async throws -> Bool {
        do {
            let channel = try await self.openChannel()
            try await self.call(.exchangeDeclare(name: name, type: "topic", passive: true), on: channel)
            try await self.call(.channelClose, on: channel)
            return true
        } catch let failure as ConnectionFailure where failure.code == .channelClosed(404) {
            return false
        }
    }

    /// Makes sure that bindings exist, if the exchanges do.
    ///
    /// - Parameter channel: is closed by the broker when something is missing.
    /// - Returns: `false` if an exchange is missing.
    func bind(_ bindings: [Declaration], on channel: NIOLoopBound<AMQPChannel>) async throws -> Bool {
        let declarations = [.exchange] + bindings
        let methods = declarations.map { $0.method(isPassive: true) }
        guard let (place, failure) = try await self.ask(methods, on: channel) else { return true }
        if declarations[place].passive != nil, failure.code == .channelClosed(404) { return false }
        throw declarations[place].error(failure, after: nil)
    }
}
