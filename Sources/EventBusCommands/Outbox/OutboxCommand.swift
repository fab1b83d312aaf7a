// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser

/// `eventbus outbox`: what is committed and not yet on the bus.
public struct OutboxCommand: AsyncParsableCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "outbox",
        abstract: "Shows what is committed and not yet on the bus.",
        subcommands: [OutboxStatusCommand.self, OutboxListCommand.self]
    )

    /// Creates the command.
    public init() {}
}
