// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus subscriptions move`: moves what a subscription holds to another one.
public struct SubscriptionsMoveCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Moves what a subscription holds to another one that exists.",
        discussion: """
            Each message is removed after its copy is stored. Interrupted, it can be repeated: nothing is lost, and a few messages \
            can be in both. An ordered subscription must have no open consumers.
            """
    )

    @Argument(help: "The subscription.", transform: { try SubscriptionName($0) })
    var name: SubscriptionName

    @Argument(help: "The one that gets its messages.", transform: { try SubscriptionName($0) })
    var target: SubscriptionName

    @OptionGroup var options: SubscriptionOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Moves the messages.
    public func execute(_ console: Console) async throws {
        let isDry = self.options.dryRun
        let count = try await self.options.rabbit.withBus(console) { bus in
            guard isDry else { return try await bus.move(self.name, to: self.target) }
            _ = try await bus.requireCensus(of: self.target)
            return try await bus.requireCensus(of: self.name).total
        }
        console.show(
            .object([
                "from": .string(self.name.description), "to": .string(self.target.description),
                "messages": .int(count), "dryRun": .bool(isDry),
            ]),
            text:
                "\(isDry ? "would move" : "moved") \(count) message\(count == 1 ? "" : "s") from \(self.name) to \(self.target)"
        )
    }
}
