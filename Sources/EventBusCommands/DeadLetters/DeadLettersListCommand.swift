// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus dead-letters list`: shows dead letters without changing them.
public struct DeadLettersListCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists dead letters, oldest first, or counts them by reason or topic; changes nothing.",
        discussion:
            "With --json, one line for each dead letter, or one document with --group-by. Looks at the 65,535 oldest, "
            + "and exits with 3 if there may be others."
    )

    @OptionGroup var target: DeadLetterTarget
    @OptionGroup var filter: DeadLetterFilterOptions

    @Option(help: "Count instead of listing: by reason or topic.")
    var groupBy: DeadLetterGroups.Key?

    @Option(help: "Show so many at most.")
    var limit = 100

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Checks the options.
    public func validate() throws {
        if self.limit < 1 { throw ValidationError("--limit is \(self.limit), must be at least 1") }
    }

    /// Lists the dead letters.
    public func execute(_ console: Console) async throws {
        try await self.target.withBus(console) { try await self.list(on: $0, $1, console) }
    }

    /// - Parameter queue: what the dead-letter queue has before anything is done.
    func list(on bus: any EventBus, _ queue: QueueCount, _ console: Console, now: Stamp = .next()) async throws {
        let filter = self.filter.filter(now: now.time)
        var groups = DeadLetterGroups(by: self.groupBy ?? .reason)
        var shown: [DeadLetter] = []
        var matches = 0
        let counts = try await bus.settleDeadLetters(of: self.target.subscription, limit: .max, batch: 1000) {
            letters in
            for letter in letters where filter.matches(letter) {
                matches += 1
                groups.add(letter)
                if self.groupBy == nil, shown.count < self.limit { shown.append(letter) }
            }
            return letters.map { _ in .keep }
        }
        let gap = DeadLetterGap(queue, limit: .max, looked: counts)
        if self.groupBy != nil {
            console.show(groups.json(of: self.target.subscription, gap), text: groups.table.text)
        } else if console.isJSON {
            for letter in shown { console.show(.deadLetter(letter, withBody: false), text: "") }
        } else {
            console.show(.null, text: Self.table(shown).text)
        }
        if self.groupBy == nil, shown.count < matches {
            console.tell("\(shown.count) of \(matches) are shown, see --limit")
        }
        try gap?.check()
    }

    private static func table(_ letters: [DeadLetter]) -> Table {
        var table = Table("DEAD SINCE", "TOPIC", "ID", "ATTEMPTS", "REDRIVES", "REASON")
        for letter in letters {
            table.add(
                letter.deadSince,
                letter.message.topic.name,
                letter.message.id,
                "\(letter.failures.count)",
                "\(letter.redrives)",
                letter.reason.shortened(to: 100)
            )
        }
        return table
    }
}
