// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus

/// `eventbus subscriptions show`: the queues of one subscription.
public struct SubscriptionsShowCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows the queues of a subscription, and with --management-url its patterns and its order."
    )

    @Argument(help: "The subscription.", transform: { try SubscriptionName($0) })
    var name: SubscriptionName

    @OptionGroup var options: TopologyOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Shows the subscription.
    public func execute(_ console: Console) async throws {
        let client = try self.options.client(console)
        let census = try await self.options.rabbit.withBus(console) { bus in
            try await bus.requireCensus(of: self.name, try await client?.topology())
        }
        console.show(census.json, text: census.text)
    }
}
