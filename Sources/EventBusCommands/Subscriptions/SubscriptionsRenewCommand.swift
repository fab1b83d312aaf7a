// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus subscriptions renew`: makes the queues of a subscription anew, and keeps what they hold.
public struct SubscriptionsRenewCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Makes the queues of a subscription anew as the code wants them, and keeps what they hold.",
        discussion: """
            For what `topology plan` calls a move: other arguments, another order, another number of shards. The processes of its \
            consumers have to have exited. Pause publishing if it is ordered, or if its consumers have no store. Interrupted, it \
            can be repeated: nothing is lost.
            """
    )

    @Argument(help: "The subscription.", transform: { try SubscriptionName($0) })
    var name: SubscriptionName

    @Flag(help: "Show what would be done, and change nothing.")
    var dryRun = false

    @OptionGroup var options: TopologyOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Makes the queues anew.
    public func execute(_ console: Console) async throws {
        guard let wanted = try self.options.subscriptions().first(where: { $0.name == self.name }) else {
            throw CommandError(CommandExit.usage, "\(self.name) is none of the code's subscriptions")
        }
        let isDry = self.dryRun
        let count = try await self.options.rabbit.withBus(console) { bus in
            isDry ? try await bus.requireCensus(of: self.name).total : try await bus.renewQueues(of: wanted)
        }
        console.show(
            .object(["subscription": .string(self.name.description), "messages": .int(count), "dryRun": .bool(isDry)]),
            text:
                "\(isDry ? "would make" : "made") the queues of \(self.name) anew, with \(count) message\(count == 1 ? "" : "s")"
        )
    }
}
