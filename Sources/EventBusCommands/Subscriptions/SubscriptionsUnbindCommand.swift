// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus subscriptions unbind`: takes patterns away from a subscription.
public struct SubscriptionsUnbindCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "unbind",
        abstract: "Takes patterns away from a subscription; what it holds stays.",
        discussion: "An instance whose code handles such a topic binds it again within a minute. Can be repeated."
    )

    @Argument(help: "The subscription.", transform: { try SubscriptionName($0) })
    var name: SubscriptionName

    @Argument(help: "The patterns, for example 'payment.*'.", transform: { try TopicPattern($0) })
    var patterns: [TopicPattern]

    @OptionGroup var options: SubscriptionOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Takes the patterns away.
    public func execute(_ console: Console) async throws {
        let isDry = self.options.dryRun
        try await self.options.rabbit.withBus(console) { bus in
            if isDry {
                _ = try await bus.requireCensus(of: self.name)
            } else {
                try await bus.unbind(self.patterns, from: self.name)
            }
        }
        let texts = self.patterns.map(\.text)
        console.show(
            .object([
                "subscription": .string(self.name.description),
                "unbound": .array(texts.map { .string($0) }),
                "dryRun": .bool(isDry),
            ]),
            text: "\(isDry ? "would unbind" : "unbound") \(texts.joined(separator: ", ")) from \(self.name)"
        )
    }
}
