// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// Where the broker is, and whether something is only shown.
public struct SubscriptionOptions: ParsableArguments, Sendable {
    /// Whether to change nothing.
    @Flag(help: "Show what would be done, and change nothing.")
    public var dryRun = false

    /// Where RabbitMQ is.
    @OptionGroup public var rabbit: RabbitOptions

    /// Creates the options.
    public init() {}
}

extension RabbitEventBus {
    /// - Throws: `BusError` with code `unknownSubscription`.
    func requireCensus(of name: SubscriptionName, _ broker: BrokerTopology? = nil) async throws -> SubscriptionCensus {
        guard let census = try await self.census(of: [name], broker).first else {
            throw BusError(.unknownSubscription, "RabbitMQ: there is no subscription \(name)")
        }
        return census
    }
}

extension SubscriptionCensus {
    /// Everything that it holds, for people: "12 waiting, 1 dead".
    var contents: String {
        let parts: [Queue.Part] = [.waiting, .retries, .quarantine, .dead]
        let texts = parts.filter { self.messages($0) > 0 }.map { "\(self.messages($0)) \($0.rawValue)" }
        return texts.isEmpty ? "no messages" : texts.joined(separator: ", ")
    }

    var total: Int { self.queues.reduce(0) { $0 + $1.messages } }

    /// Everyone who takes something from one of its queues.
    var allConsumers: Int { self.queues.reduce(0) { $0 + $1.consumers } }
}
