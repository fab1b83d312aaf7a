// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus dead-letters redrive`: delivers dead letters to their subscription again.
public struct DeadLettersRedriveCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "redrive",
        abstract: "Delivers dead letters to their subscription again, oldest first.",
        discussion: """
            What becomes a dead letter meanwhile is left alone, so that a redrive ends. It can be ended anywhere and repeated: some \
            can be delivered a second time then, with the same ids, which a consumer with a store does not handle again. They are a \
            batch of up to 500 if it was killed, and up to 16 batches if it lost the connection.

            Exits with 3 if there may be dead letters that could not be looked at, because another client holds them or 65,535 stay \
            in front of them.
            """
    )

    @OptionGroup var target: DeadLetterTarget
    @OptionGroup var filter: DeadLetterFilterOptions
    @OptionGroup var change: DeadLetterChangeOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Redrives.
    public func execute(_ console: Console) async throws {
        let change = self.change.change(.redrive, self.filter, of: self.target.subscription)
        try await self.target.withBus(console) { bus, queue in try await change.run(on: bus, queue, console) }
    }
}
