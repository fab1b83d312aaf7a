// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus dead-letters discard`: removes dead letters for good.
public struct DeadLettersDiscardCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Removes dead letters for good, oldest first.",
        discussion: """
            Nothing brings them back: try --dry-run first. Needs a filter, or --all. Exits with 3 if there may be dead letters that \
            could not be looked at, because another client holds them or 65,535 stay in front of them.
            """
    )

    @OptionGroup var target: DeadLetterTarget
    @OptionGroup var filter: DeadLetterFilterOptions
    @OptionGroup var change: DeadLetterChangeOptions

    @Flag(help: "Discard all dead letters.")
    var all = false

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Checks the options.
    public func validate() throws {
        if self.filter.isEmpty != self.all {
            throw ValidationError(self.all ? "--all and a filter exclude each other" : "give a filter, or --all")
        }
    }

    /// Discards.
    public func execute(_ console: Console) async throws {
        let change = self.change.change(.discard, self.filter, of: self.target.subscription)
        try await self.target.withBus(console) { bus, queue in try await change.run(on: bus, queue, console) }
    }
}
