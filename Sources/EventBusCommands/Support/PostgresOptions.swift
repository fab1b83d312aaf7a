// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
public import EventBusPostgres

/// Which database a command works with.
public struct PostgresOptions: ParsableArguments, Sendable {
    /// The URL of the database; other users of the machine can see a password that is given here.
    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp(
            "Where Postgres is.",
            discussion: "Better in DATABASE_URL or DATABASE_URL_FILE: other users of the machine can see arguments.",
            valueName: "url"
        )
    )
    public var url: String?

    /// Creates the options.
    public init() {}

    /// The configuration that the option, `DATABASE_URL` or the file `DATABASE_URL_FILE` gives.
    ///
    /// - Throws: ``CommandError`` or `PostgresConfigurationError`; neither contains the URL.
    public func configuration() throws -> PostgresConfiguration {
        let configuration = try PostgresConfiguration(url: Setting.database.value(given: self.url))
        try configuration.checkFiles()
        return configuration
    }
}
