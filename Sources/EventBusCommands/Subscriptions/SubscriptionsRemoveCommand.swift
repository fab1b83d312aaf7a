// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus subscriptions remove`: removes a subscription that nobody needs.
public struct SubscriptionsRemoveCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Removes a subscription that has no consumers and holds no messages, with all its queues.",
        discussion: """
            The processes of its consumers have to have exited: RabbitMQ shows neither what a consumer that stops still holds nor \
            that consumer. `subscriptions unbind` its patterns before, or what is published meanwhile can go with it.
            """
    )

    @Argument(help: "The subscription.", transform: { try SubscriptionName($0) })
    var name: SubscriptionName

    @Flag(help: "Remove it with the messages and dead letters that it holds. They are gone.")
    var discardMessages = false

    @OptionGroup var options: SubscriptionOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Removes the subscription.
    public func execute(_ console: Console) async throws {
        let isDry = self.options.dryRun
        let isDiscarding = self.discardMessages
        let census = try await self.options.rabbit.withBus(console) { bus in
            let census = try await bus.requireCensus(of: self.name)
            if isDry {
                if let refusal = self.refusal(census) { throw refusal }
            } else {
                try await self.remove(bus, census)
            }
            return census
        }
        let discarded = isDiscarding ? census.total : 0
        console.show(
            .object([
                "subscription": .string(self.name.description),
                "queues": .array(census.queues.map { .string($0.name) }),
                "discarded": .int(discarded),
                "dryRun": .bool(isDry),
            ]),
            text: "\(isDry ? "would remove" : "removed") \(self.name) with \(census.queues.count) queues"
                + (discarded > 0 ? "; discarded: \(census.contents)" : "")
        )
    }

    private func remove(_ bus: RabbitEventBus, _ census: SubscriptionCensus) async throws {
        do {
            try await bus.remove(self.name, discardingMessages: self.discardMessages)
        } catch let error as BusError where error.code == .subscriptionNotEmpty {
            throw self.refusal(census) ?? error
        }
    }

    /// Why it is not removed, as far as it can be seen.
    private func refusal(_ census: SubscriptionCensus) -> CommandError? {
        if census.allConsumers > 0 {
            return CommandError(
                CommandExit.problem,
                "\(self.name) has \(census.allConsumers) consumers: end them first"
            )
        }
        guard census.total > 0, !self.discardMessages else { return nil }
        return CommandError(
            CommandExit.problem,
            "\(self.name) holds \(census.contents): handle them, or `subscriptions move` them, "
                + "or say --discard-messages, and they are gone"
        )
    }
}
