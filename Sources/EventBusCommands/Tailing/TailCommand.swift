// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus tail`: shows what is published from now on.
public struct TailCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Shows what is published from now on, and takes nothing from anybody.",
        discussion: """
            Reads from a queue of its own, which the broker deletes at the end. Ends with 0 after SIGINT or --count events. When \
            it cannot keep up, the broker drops the oldest copies.
            """
    )

    @Argument(
        help: "Patterns such as 'user.#': * stands for one word, # for any number of words.",
        transform: { try TopicPattern($0) }
    )
    var patterns: [TopicPattern]

    @Option(help: "End after so many events.")
    var count: Int?

    @Flag(help: "Show the bodies, which may be personal data.")
    var body = false

    @OptionGroup var rabbit: RabbitOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Checks the options.
    public func validate() throws {
        if let count, count < 1 { throw ValidationError("--count is \(count), must be at least 1") }
    }

    /// Shows events until there are enough or a signal comes.
    public func execute(_ console: Console) async throws {
        var left = self.count ?? .max
        do {
            try await self.rabbit.withBus(console) { bus in
                let patterns = self.patterns.map(\.text).joined(separator: ", ")
                try await bus.tail(self.patterns, onOpen: { console.tell("listening to \(patterns)") }) { messages in
                    for message in messages.prefix(left) {
                        console.show(
                            .message(message, withBody: self.body),
                            text: message.line + (self.body ? "\n    \(message.bodyText)" : "")
                        )
                    }
                    left -= min(left, messages.count)
                    return left > 0
                }
            }
        } catch is CancellationError {
            // The usual end.
        }
    }
}

extension Message {
    /// One line for a person.
    fileprivate var line: String {
        var parts = [EventCoding.text(of: self.time), self.topic.name, self.id]
        if !self.source.isEmpty { parts.append("source=\(self.source)") }
        if let key = self.orderingKey { parts.append("key=\(key)") }
        parts.append("\(self.body.count) B")
        return parts.map(\.printable).joined(separator: "  ")
    }
}
