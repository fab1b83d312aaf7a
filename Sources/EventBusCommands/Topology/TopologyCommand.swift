// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBusRabbit

/// `eventbus topology`: compares the queues, exchanges and bindings of the broker with those that the code wants.
public struct TopologyCommand: AsyncParsableCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "topology",
        abstract: "Compares what the code wants with what the broker has.",
        discussion: """
            Each difference is one of these:
              safe      something is missing: `topology apply` adds it while everything runs
              move      queues have to be made anew: `subscriptions renew`, while no consumer runs
              refused   a person has to decide
              note      nothing has to be done

            Without the management, bindings, policies, replicas and subscriptions that the code does not know stay unknown.
            """,
        subcommands: [
            TopologyPlanCommand.self, TopologyApplyCommand.self, TopologyVerifyCommand.self, TopologyExportCommand.self,
        ]
    )

    /// Creates the command.
    public init() {}
}

/// `eventbus topology plan`: shows the differences.
public struct TopologyPlanCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Shows what differs and what would be done about it; changes nothing."
    )

    @OptionGroup var options: TopologyOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Shows the differences.
    public func execute(_ console: Console) async throws {
        let plan = try await self.options.plan(console)
        console.show(TopologyReport.json(plan), text: TopologyReport.text(plan))
    }
}

/// `eventbus topology verify`: fails when something differs.
public struct TopologyVerifyCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Shows what differs, and exits with 1 if something does; notes do not count.",
        discussion:
            "What could not be compared is no difference: it is told at the end, and `complete` of --json is false."
    )

    @OptionGroup var options: TopologyOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Shows the differences.
    public func execute(_ console: Console) async throws {
        let plan = try await self.options.plan(console)
        console.show(TopologyReport.json(plan), text: TopologyReport.text(plan))
        if !plan.isInStep { throw CommandExit.problem }
    }
}

/// `eventbus topology apply`: adds what is missing.
public struct TopologyApplyCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Adds what is missing, and nothing else.",
        discussion: """
            It changes and removes nothing that exists, so that it can run at any time and be repeated. Exits with 1 if differences \
            are left that it does not deal with.
            """
    )

    @OptionGroup var options: TopologyOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    private static let maximumReadings = 8

    /// Adds what is missing.
    public func execute(_ console: Console) async throws {
        let subscriptions = try self.options.subscriptions()
        let client = try self.options.client(console)
        let (added, after) = try await self.options.rabbit.withBus(console) { bus in
            let before = TopologyPlan(subscriptions, on: try await self.options.broker(subscriptions, on: bus, client))
            try await bus.declare(before.additions)
            var after = TopologyPlan(subscriptions, on: try await self.options.broker(subscriptions, on: bus, client))
            // The management answers for some seconds as it has answered before; what is asked next should find it up to date.
            let mayBeOld = client != nil && !before.additions.isEmpty
            for _ in 0..<Self.maximumReadings where mayBeOld && !after.drifts(.safe).isEmpty {
                try await Task.sleep(for: .seconds(1))
                after = TopologyPlan(subscriptions, on: try await self.options.broker(subscriptions, on: bus, client))
            }
            // What was declared is there, whatever the management says; the broker itself is never behind.
            return (before.added, client == nil ? after : after.without(before.added))
        }
        console.show(
            TopologyReport.json(after, added: added),
            text: TopologyReport.text(after, added: added)
        )
        if !after.isInStep { throw CommandExit.problem }
    }
}

/// `eventbus topology export`: writes the subscriptions of the application whose tool it is.
public struct TopologyExportCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the subscriptions of the code, for --subscriptions of the stand-alone tool."
    )

    @Option(
        name: .customLong("subscriptions"),
        help: ArgumentHelp("A file with them instead of those of the application.", valueName: "file")
    )
    var file: String?

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Writes the subscriptions.
    public func execute(_ console: Console) async throws {
        let json = SubscriptionFile.text(of: try TopologyOptions.subscriptions(of: self.file))
        console.show(json, text: json.text)
    }
}

extension TopologyOptions {
    fileprivate func plan(_ console: Console) async throws -> TopologyPlan {
        let subscriptions = try self.subscriptions()
        let client = try self.client(console)
        return try await self.rabbit.withBus(console) { bus in
            TopologyPlan(subscriptions, on: try await self.broker(subscriptions, on: bus, client))
        }
    }
}
