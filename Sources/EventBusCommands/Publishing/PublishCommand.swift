// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus publish`: publishes one event and waits until the broker has stored it.
public struct PublishCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Publishes an event and waits until the broker has stored it.",
        discussion: """
            Without --body the body is read from standard input. Repeated with the same --id and --source, the event is the same \
            one: a consumer with a store handles it once.

            Exits with 1 if no subscription matches or the broker refuses the message; with 2 if the broker did not answer, so that \
            the message may or may not be stored: repeat it with the id that was printed.
            """
    )

    @Argument(help: "The topic, for example user.created.", transform: { try Topic($0) })
    var topic: Topic

    @Option(help: "The body; without it, standard input is read.")
    var body: String?

    @OptionGroup var event: EventOptions
    @OptionGroup var rabbit: RabbitOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Publishes the event.
    public func execute(_ console: Console) async throws {
        let bytes =
            if let body { Array(body.utf8) } else { try await StandardInput.all(limit: Message.Limits.bodyBytes) }
        let message = try self.event.message(topic: self.topic, body: bytes)
        let outcome = try await self.rabbit.withBus(console, declaresExchange: true) {
            await $0.publish([message]).first ?? .unknown
        }
        if let error = outcome.error(for: self.topic) {
            throw CommandError(CommandExit.code(for: error), "\(error) (id \(message.id.printable))")
        }
        console.show(
            .object(["id": .string(message.id), "topic": .string(message.topic.name)]),
            text: "\(message.topic)  \(message.id.printable)"
        )
    }
}
