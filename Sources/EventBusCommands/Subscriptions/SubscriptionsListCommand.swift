// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus subscriptions list`: what each subscription holds.
public struct SubscriptionsListCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Shows what each subscription holds.",
        discussion: """
            All subscriptions of the virtual host with --management-url; otherwise those that are named, or those of --subscriptions, \
            since AMQP cannot list queues. Exits with 1 if one that is named does not exist.
            """
    )

    @Argument(help: "Only these.", transform: { try SubscriptionName($0) })
    var names: [SubscriptionName] = []

    @OptionGroup var options: TopologyOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Lists the subscriptions.
    public func execute(_ console: Console) async throws {
        let client = try self.options.client(console)
        let asked = try client == nil && self.names.isEmpty ? self.options.subscriptions().map(\.name) : self.names
        let found = try await self.options.rabbit.withBus(console) { bus in
            let broker = try await client?.topology()
            return try await bus.census(of: asked.isEmpty ? broker?.subscriptions ?? [] : asked, broker)
        }
        var table = Table("SUBSCRIPTION", "ORDER", "CONSUMERS", "WAITING", "RETRIES", "QUARANTINE", "DEAD")
        for census in found {
            let shards = census.shards.map { $0 > 1 ? ", \($0) shards" : "" } ?? ""
            table.add(
                census.name.description,
                census.isOrdered.map { $0 ? "per key\(shards)" : "none" } ?? "?",
                "\(census.consumers)",
                "\(census.messages(.waiting))",
                "\(census.messages(.retries))",
                "\(census.messages(.quarantine))",
                "\(census.messages(.dead))"
            )
        }
        console.show(
            .object(["subscriptions": .array(found.map(\.json))]),
            text: found.isEmpty ? "no subscriptions" : table.text
        )
        let missing = asked.filter { name in !found.contains { $0.name == name } }
        if !missing.isEmpty {
            throw CommandError(
                CommandExit.problem,
                "there is no subscription \(missing.map(\.description).joined(separator: ", "))"
            )
        }
    }
}
