// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Reads by AMQP alone what a broker has of some names.
///
/// A queue or an exchange that exists is declared as the code wants it. RabbitMQ refuses that with the first argument that differs, and its
/// value; with that value it is declared again, until RabbitMQ agrees. Nothing is created: each declaration is preceded by
/// the question whether it exists.
struct BrokerReading {
    let connection: RabbitConnection
    /// More than a queue has arguments.
    private static let maximumDifferences = 24

    enum Answer<Value> {
        case found(Value)
        case missing
        /// Why nothing is known.
        case unknown(String)
    }

    func queue(_ wanted: TopologyQueue) async throws -> Answer<TopologyQueue> {
        do {
            guard let count = try await self.connection.count(of: wanted.name) else { return .missing }
            var found = wanted
            found.messages = count.messages
            found.consumers = count.consumers
            return try await self.learn(&found)
        } catch let failure as ConnectionFailure where failure.code == .channelClosed(405) {
            // RESOURCE_LOCKED: the queue of another connection.
            var found = wanted
            found.isExclusive = true
            return .found(found)
        } catch let failure as ConnectionFailure {
            guard case .channelClosed = failure.code else { throw failure }
            return .unknown("queue \(wanted.name): \(failure.text)")
        }
    }

    private func learn(_ found: inout TopologyQueue) async throws -> Answer<TopologyQueue> {
        var arguments = found.arguments
        arguments["x-queue-type"] = .string(found.type)
        for _ in 0..<Self.maximumDifferences {
            let method = ClientMethod.queueDeclare(
                name: found.name,
                passive: false,
                arguments: arguments.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            )
            guard let failure = try await self.refusal(of: method) else { return .found(found) }
            guard failure.code == .channelClosed(406),
                let difference = InequivalentArgument(failure.text, sent: arguments)
            else {
                // What is known so far is told, unless nothing is.
                return failure.code == .channelClosed(406)
                    ? .found(found) : .unknown("arguments of queue \(found.name): \(failure.text)")
            }
            arguments[difference.name] = difference.current
            switch difference.name {
            case "durable": found.isDurable = false
            case "auto_delete": found.isAutoDelete = true
            case "x-queue-type": found.type = difference.current?.string ?? "classic"
            default: found.arguments[difference.name] = difference.current
            }
            // This client declares nothing else, and another type has other arguments.
            if ["durable", "auto_delete", "x-queue-type"].contains(difference.name) { return .found(found) }
        }
        return .found(found)
    }

    func exchange(_ wanted: TopologyExchange) async throws -> Answer<TopologyExchange> {
        do {
            guard try await self.connection.hasExchange(wanted.name) else { return .missing }
        } catch let failure as ConnectionFailure {
            guard case .channelClosed = failure.code else { throw failure }
            return .unknown("exchange \(wanted.name): \(failure.text)")
        }
        var found = wanted
        for _ in 0..<Self.maximumDifferences {
            let method = ClientMethod.exchangeDeclare(
                name: found.name,
                type: found.type,
                arguments: found.arguments.map { ($0.key, $0.value) }
            )
            guard let failure = try await self.refusal(of: method) else { return .found(found) }
            guard failure.code == .channelClosed(406),
                let difference = InequivalentArgument(failure.text, sent: found.arguments)
            else { return .unknown("arguments of exchange \(found.name): \(failure.text)") }
            switch difference.name {
            case "type": found.type = difference.current?.string ?? ""
            case "durable": found.isDurable = false
            case "auto_delete": found.isAutoDelete = true
            case "internal": found.isInternal = true
            default: found.arguments[difference.name] = difference.current
            }
            if ["durable", "auto_delete", "internal"].contains(difference.name) { return .found(found) }
        }
        return .found(found)
    }

    /// - Returns: `false` also if it may not be asked for.
    func exists(_ exchange: TopologyExchange) async throws -> Bool {
        do {
            return try await self.connection.hasExchange(exchange.name)
        } catch let failure as ConnectionFailure {
            guard case .channelClosed = failure.code else { throw failure }
            return false
        }
    }

    /// - Returns: `nil` also if it may not be counted.
    func count(of queue: String) async throws -> QueueCount? {
        do {
            return try await self.connection.count(of: queue)
        } catch let failure as ConnectionFailure {
            guard case .channelClosed = failure.code else { throw failure }
            return nil
        }
    }

    private func refusal(of method: ClientMethod) async throws -> ConnectionFailure? {
        let channel = try await self.connection.openChannel()
        do {
            try await self.connection.call(method, on: channel)
            try await self.connection.call(.channelClose, on: channel)
            return nil
        } catch let failure as ConnectionFailure {
            guard case .channelClosed = failure.code else { throw failure }
            return failure
        }
    }
}
