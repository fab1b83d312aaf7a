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
        discussion: """
            An instance whose code handles such a topic binds it again within a minute. Can be repeated. Whether a pattern was bound \
            is told only with --management-url, whose answer can be some seconds old.
            """
    )

    @Argument(help: "The subscription.", transform: { try SubscriptionName($0) })
    var name: SubscriptionName

    @Argument(help: "The patterns, for example 'payment.*'.", transform: { try TopicPattern($0) })
    var patterns: [TopicPattern]

    @OptionGroup var options: SubscriptionOptions
    @OptionGroup var management: ManagementOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Takes the patterns away.
    public func execute(_ console: Console) async throws {
        let isDry = self.options.dryRun
        let client = try self.management.client(of: self.options.rabbit, console)
        let before = try await self.options.rabbit.withBus(console) { bus in
            // By AMQP, since the management can be some seconds behind.
            _ = try await bus.requireCensus(of: self.name)
            let topology = try await Self.topology(client, console)
            let before = SubscriptionCensus(self.name, counts: [:], broker: topology).patterns
            if !isDry { try await bus.unbind(self.patterns, from: self.name) }
            return before
        }
        let report = UnbindReport(self.name, self.patterns.map(\.text), before: before, isDry: isDry)
        console.show(report.json, text: report.text)
    }

    /// What is bound is good to know, and no reason to leave it bound.
    private static func topology(_ client: ManagementClient?, _ console: Console) async throws -> BrokerTopology? {
        do {
            return try await client?.topology()
        } catch let error as CommandError {
            console.tell("what was bound before is unknown: \(error)")
            return nil
        }
    }
}
