// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus dead-letters show`: everything about one dead letter.
public struct DeadLettersShowCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows everything about one dead letter; changes nothing.",
        discussion:
            "Exits with 1 if there is none with that id, with 3 if it may be among those that could not be looked at. Several dead "
            + "letters can have the same id; with --json, one line each."
    )

    @OptionGroup var target: DeadLetterTarget

    @Argument(help: "The id of the event.")
    var id: String

    @Flag(help: "Show the body, which may be personal data.")
    var body = false

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Shows the dead letter.
    public func execute(_ console: Console) async throws {
        try await self.target.withBus(console) { try await self.show(on: $0, $1, console) }
    }

    /// - Parameter queue: what the dead-letter queue has before anything is done.
    func show(on bus: any EventBus, _ queue: QueueCount, _ console: Console) async throws {
        var found: [DeadLetter] = []
        let counts = try await bus.settleDeadLetters(of: self.target.subscription, limit: .max, batch: 1000) {
            letters in
            found += letters.filter { $0.message.id == self.id }
            return letters.map { _ in .keep }
        }
        if found.isEmpty { try DeadLetterGap(queue, limit: .max, looked: counts)?.check() }
        guard !found.isEmpty else {
            throw CommandError(
                CommandExit.problem,
                "subscription \(self.target.subscription) has no dead letter with id \(self.id.printable)"
            )
        }
        for letter in found {
            console.show(.deadLetter(letter, withBody: self.body), text: letter.description(withBody: self.body))
        }
    }
}
