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

    func queue(_ wanted: TopologyQueue) async throws -> ReadingAnswer<TopologyQueue> {
        do {
            guard let count = try await self.connection.count(of: wanted.name) else { return .missing }
            var found = wanted
            found.messages = count.messages
            found.consumers = count.consumers
            var reading = QueueReading(found)
            while true {
                let refusal = try await self.refusal(of: reading.declaration)
                if let answer = reading.answered(refusal) { return answer }
            }
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

    func exchange(_ wanted: TopologyExchange) async throws -> ReadingAnswer<TopologyExchange> {
        do {
            guard try await self.connection.hasExchange(wanted.name) else { return .missing }
        } catch let failure as ConnectionFailure {
            guard case .channelClosed = failure.code else { throw failure }
            return .unknown("exchange \(wanted.name): \(failure.text)")
        }
        var reading = ExchangeReading(wanted)
        while true {
            let refusal = try await self.refusal(of: reading.declaration)
            if let answer = reading.answered(refusal) { return answer }
        }
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
