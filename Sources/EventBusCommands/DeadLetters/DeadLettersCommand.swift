// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser

/// `eventbus dead-letters`: what could not be handled.
public struct DeadLettersCommand: AsyncParsableCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "dead-letters",
        abstract: "Lists, shows, redrives and discards what could not be handled.",
        subcommands: [
            DeadLettersListCommand.self, DeadLettersShowCommand.self, DeadLettersRedriveCommand.self,
            DeadLettersDiscardCommand.self,
        ]
    )

    /// Creates the command.
    public init() {}
}
