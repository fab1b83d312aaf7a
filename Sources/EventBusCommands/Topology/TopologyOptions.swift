// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// What the code wants, and where the broker is that should have it.
public struct TopologyOptions: ParsableArguments, Sendable {
    /// A file with the subscriptions of the code.
    @Option(
        name: .customLong("subscriptions"),
        help: ArgumentHelp(
            "A file with the subscriptions of the code, as `topology export` of the application writes it.",
            discussion: "An application's own tool knows its subscriptions and needs none.",
            valueName: "file"
        )
    )
    public var file: String?

    /// Where RabbitMQ is.
    @OptionGroup public var rabbit: RabbitOptions

    /// Where its management is.
    @OptionGroup public var management: ManagementOptions

    /// Creates the options.
    public init() {}

    /// The subscriptions of the code: those of the file, or of the application.
    ///
    /// - Throws: ``CommandError``.
    func subscriptions() throws -> [Subscription] { try Self.subscriptions(of: self.file) }

    static func subscriptions(of file: String?) throws -> [Subscription] {
        if let file { return try SubscriptionFile.read(file) }
        let subscriptions = CodeSubscriptions.all
        guard !subscriptions.isEmpty else {
            throw CommandError(
                CommandExit.usage,
                "--subscriptions is missing: name a file with the subscriptions, as `topology export` of the application writes it"
            )
        }
        return subscriptions
    }

    /// - Throws: ``CommandError``, which does not contain the URL.
    func client(_ console: Console) throws -> ManagementClient? {
        try self.management.client(of: self.rabbit, console)
    }

    /// Reads what the broker has, from its management if there is one.
    ///
    /// - Throws: `BusError` or ``CommandError``.
    func broker(_ subscriptions: [Subscription], on bus: RabbitEventBus, _ client: ManagementClient?) async throws
        -> BrokerTopology
    {
        guard let client else { return try await bus.topology(of: subscriptions) }
        var broker = try await client.topology()
        // The management's numbers are some seconds old.
        let wanted = subscriptions.map(WantedTopology.init).flatMap { $0.queues + $0.retryQueues }.map(\.name)
        for (name, count) in try await bus.counts(of: wanted.filter { broker.queues[$0] != nil }) {
            broker.queues[name]?.messages = count.messages
            broker.queues[name]?.consumers = count.consumers
        }
        return broker
    }
}
