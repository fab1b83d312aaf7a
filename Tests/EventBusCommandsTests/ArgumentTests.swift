// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import EventBusPersistence
import Testing

@testable import EventBusCommands
@testable import EventBusPostgres

@Suite("Arguments of commands")
struct ArgumentTests {
    @Test(arguments: [("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800), ("0s", 0)])
    func ages(_ text: String, _ seconds: Int) {
        #expect(Age(argument: text)?.duration == .seconds(seconds))
    }

    @Test(arguments: ["", "h", "1", "1w", "-1h", "1.5h", "99999999999999999999d", "9223372036854775807d"])
    func otherAgesAreRefused(_ text: String) {
        #expect(Age(argument: text) == nil)
    }

    @Test func rates() throws {
        #expect(Rate(argument: "100/s") == Rate(argument: "100"))
        #expect(Rate(argument: "6000/m") == Rate(argument: "100/s"))
        for text in ["", "0/s", "-1/s", "1/d", "1/", "x/s", "1/s/s"] { #expect(Rate(argument: text) == nil) }
        let rate = try #require(Rate(argument: "10/s"))
        #expect(rate.batch == 10)
        // The first second's worth goes at once, the last one of 30 after 2 s.
        #expect((rate.time(of: 10), rate.time(of: 30)) == (.zero, .seconds(2)))
        #expect(Rate(argument: "30/m")?.batch == 1)
    }

    @Test func aRateAtWhichRabbitMQEndsTheRunIsRefused() throws {
        for rate in ["12/h", "1/m", "1/s"] { _ = try DeadLettersRedriveCommand.parse(["a", "--rate", rate]) }
        for (rate, seconds) in [("11/h", 327), ("1/h", 3600)] {
            let error = try #require(throws: (any Error).self) {
                try DeadLettersRedriveCommand.parse(["a", "--rate", rate])
            }
            #expect(DeadLettersRedriveCommand.exitCode(for: error) == CommandExit.usage)
            let text = DeadLettersRedriveCommand.message(for: error)
            #expect(text.contains("one dead letter in \(seconds) s"), "\(text)")
            #expect(text.contains("12/h"), "\(text)")
        }
    }

    @Test func discardNeedsAFilterOrAll() throws {
        func parse(_ arguments: String...) throws {
            _ = try DeadLettersDiscardCommand.parse(["payments.accounts"] + arguments)
        }
        #expect(throws: (any Error).self) { try parse() }
        #expect(throws: (any Error).self) { try parse("--all", "--reason", "x") }
        try parse("--all")
        try parse("--older-than", "1h", "--topic", "user.#")
    }

    @Test func whatBreaksARuleIsAUsageError() {
        for arguments in [
            ["publish", "no topic"], ["tail", "a.#.#.#"], ["dead-letters", "list", "a b"],
            ["tail", "a", "--count", "0"],
            ["dead-letters", "redrive", "a", "--rate", "fast"], ["no-command"],
        ] {
            let error = #expect(throws: (any Error).self) { try EventBusCommand.parseAsRoot(arguments) }
            if let error { #expect(EventBusCommand.exitCode(for: error) == CommandExit.usage, "\(arguments)") }
        }
    }

    @Test func errorsHaveDocumentedExitCodes() {
        #expect(CommandExit.code(for: BusError(.unavailable, "")) == ExitCode(2))
        #expect(CommandExit.code(for: BusError(.unroutable, "")) == ExitCode(1))
        #expect(CommandExit.code(for: BusError(.invalidTopic, "")) == ExitCode(64))
        #expect(CommandExit.code(for: CancellationError()) == ExitCode(130))
        #expect(CommandExit.code(for: CommandError(CommandExit.problem, "")) == ExitCode(1))
        #expect(CommandExit.code(for: RepositoryError(.unavailable, "")) == ExitCode(2))
        #expect(CommandExit.code(for: RepositoryError(.schemaMismatch, "")) == ExitCode(1))
        struct Unknown: Error {}
        #expect(CommandExit.code(for: Unknown()) == ExitCode(70))
    }

    @Test("A login or a right that the database refuses", arguments: ["28000", "28P01", "42501"])
    func aRefusalOfTheDatabaseIsOne(_ state: String) {
        let failure = ServerFailure(state: SQLState(state))
        #expect(CommandExit.code(for: RepositoryError(failure, of: nil)) == ExitCode(2))
        #expect(
            CommandExit.code(
                for: RepositoryError(.database, "", cause: PostgresError(.unavailable, state: failure.state))
            )
                == ExitCode(2)
        )
    }

    @Test("A file that a URL names and that cannot be read is a usage error", arguments: ["cacertfile", "sslrootcert"])
    func aFileThatCannotBeReadIsAUsageError(_ parameter: String) throws {
        let error = #expect(throws: (any Error).self) {
            if parameter == "cacertfile" {
                let options = try RabbitOptions.parse(["--rabbitmq-url", "amqps://u:p@h?cacertfile=%2Fnowhere%2Fa.pem"])
                _ = try options.configuration()
            } else {
                let url = "postgres://u:p@h/d?sslmode=verify-full&sslrootcert=%2Fnowhere%2Fa.pem"
                _ = try PostgresOptions.parse(["--database-url", url]).configuration()
            }
        }
        let found = try #require(error)
        #expect(CommandExit.code(for: found) == ExitCode(64))
        #expect("\(found)".contains(parameter))
    }

    @Test func anEventIsMadeOfOptions() throws {
        let options = try EventOptions.parse([
            "--id", "7", "--key", "ada", "--header", "a=b=c", "--source", "/shop", "--event-version", "2",
            "--allow-unrouted",
        ])
        let message = try options.message(topic: "user.created", body: Array("{\"a\":1}".utf8))
        #expect(message.id == "7")
        #expect(message.orderingKey == "ada")
        #expect(message.headers == ["a": "b=c"])
        #expect((message.source, message.version, message.requiresSubscriber) == ("/shop", 2, false))
    }

    @Test(arguments: [
        ["--header", "x"], ["--header", "=y"], ["--header", "a=1", "--header", "a=2"], ["--header", "x-attempt=1"],
    ])
    func headersThatBreakARuleAreRefused(_ arguments: [String]) throws {
        let options = try EventOptions.parse(arguments)
        let error = #expect(throws: (any Error).self) { try options.message(topic: "t", body: Array("{}".utf8)) }
        if let error { #expect(CommandExit.code(for: error) == CommandExit.usage) }
    }

    @Test func aBodyThatClaimsToBeJSONIsChecked() throws {
        let body = Array("{oops".utf8)
        #expect(throws: CommandError.self) { try EventOptions.parse([]).message(topic: "t", body: body) }
        _ = try EventOptions.parse(["--content-type", "text/plain"]).message(topic: "t", body: body)
        for text in ["1", "\"a\"", "null", "[]"] {
            _ = try EventOptions.parse([]).message(topic: "t", body: Array(text.utf8))
        }
    }
}
