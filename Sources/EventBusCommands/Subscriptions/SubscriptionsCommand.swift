// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser

/// `eventbus subscriptions`: what subscriptions hold, and what can be done with those that change.
public struct SubscriptionsCommand: AsyncParsableCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "subscriptions",
        abstract: "Shows subscriptions, takes topics away from them, moves, renews and removes them.",
        subcommands: [
            SubscriptionsListCommand.self, SubscriptionsShowCommand.self, SubscriptionsUnbindCommand.self,
            SubscriptionsMoveCommand.self, SubscriptionsRenewCommand.self, SubscriptionsRemoveCommand.self,
        ]
    )

    /// Creates the command.
    public init() {}
}
