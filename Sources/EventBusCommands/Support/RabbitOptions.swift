// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
public import EventBusRabbit

/// Which broker a command works with.
public struct RabbitOptions: ParsableArguments, Sendable {
    /// The URL of the broker; other users of the machine can see a password that is given here.
    @Option(
        name: .customLong("rabbitmq-url"),
        help: ArgumentHelp(
            "Where RabbitMQ is.",
            discussion: "Better in RABBITMQ_URL or RABBITMQ_URL_FILE: other users of the machine can see arguments.",
            valueName: "url"
        )
    )
    public var url: String?

    /// Creates the options.
    public init() {}

    /// The configuration that the option, `RABBITMQ_URL` or the file `RABBITMQ_URL_FILE` gives.
    ///
    /// - Throws: ``CommandError`` or `BusError` with code `invalidConfiguration`, also when a file that the URL names cannot be used; neither
    ///   contains the URL.
    public func configuration() throws -> RabbitConfiguration {
        var configuration = try RabbitConfiguration(url: Setting.rabbitMQ.value(given: self.url))
        configuration.connectionName = "eventbus"
        try configuration.checkFiles()
        return configuration
    }

    /// Runs a bus for the length of `body`.
    ///
    /// - Parameter declaresExchange: whether the bus declares the exchange of events when it is missing. Who only looks must not.
    /// - Throws: what `body` throws; `BusError` with code `unavailable` when the broker cannot be reached.
    public func withBus<Result: Sendable>(
        _ console: Console,
        declaresExchange: Bool = false,
        _ body: (RabbitEventBus) async throws -> Result
    ) async throws -> Result {
        var configuration = try self.configuration()
        configuration.declaresExchange = declaresExchange
        let bus = RabbitEventBus(configuration, logger: console.logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await bus.run() }
            defer { group.cancelAll() }
            return try await body(bus)
        }
    }
}
