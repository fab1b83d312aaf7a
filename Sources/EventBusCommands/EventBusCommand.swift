// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser

/// The command `eventbus`: what an operator does with a bus and its outboxes.
///
/// An application's own tool lists the same subcommands beside its own:
///
/// ```swift
/// @main struct Shop: AsyncParsableCommand {
///     static let configuration = CommandConfiguration(subcommands: EventBusCommand.subcommands + [Import.self])
/// }
/// ```
public struct EventBusCommand: AsyncParsableCommand {
    /// All subcommands of `eventbus`.
    public static let subcommands: [any ParsableCommand.Type] = [
        PublishCommand.self, TailCommand.self, DeadLettersCommand.self, SubscriptionsCommand.self, TopologyCommand.self,
        OutboxCommand.self, DoctorCommand.self,
    ]

    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "eventbus",
        abstract: "Looks after an event bus on RabbitMQ and its outboxes in Postgres.",
        discussion: """
            RABBITMQ_URL and DATABASE_URL say where the servers are; RABBITMQ_URL_FILE and DATABASE_URL_FILE name files that \
            hold these URLs. Results go to standard output, progress and errors to standard error.

            Exit codes:
              0    everything is fine
              1    something is wrong or was not found, or a message was not accepted
              2    a server could not be reached, or did not answer
              64   an argument or a setting is wrong
              70   a bug: please report it
              130  ended by a signal before everything was done
            """,
        subcommands: EventBusCommand.subcommands
    )

    /// Creates the command.
    public init() {}
}
