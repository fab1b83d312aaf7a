// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusPostgres

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `eventbus outbox status`: how much waits in each outbox, why, and who publishes it.
public struct OutboxStatusCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how many events wait in each outbox, why, and which process publishes them.",
        discussion: """
            Exits with 1 if an outbox that holds events has no owner, if its oldest event is older than --older-than, or if events are \
            held back; with 0 otherwise.
            """
    )

    @Argument(help: "The modules' schemas; all that have an outbox, if none is given.")
    var schemas: [String] = []

    @Option(help: ArgumentHelp("How old the oldest event may be.", valueName: "age"))
    var olderThan: Age?

    @OptionGroup var postgres: PostgresOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Shows the outboxes.
    public func execute(_ console: Console) async throws {
        let reports = try await OutboxInspector.withSession(try self.postgres.configuration()) { inspector in
            var reports: [OutboxReport] = []
            for schema in self.schemas.isEmpty ? try await inspector.schemas() : self.schemas {
                reports.append(try await inspector.report(of: schema))
            }
            return reports
        }
        guard !reports.isEmpty else {
            throw CommandError(CommandExit.problem, "there is no outbox that this user can see in this database")
        }
        let now = Stamp.next().time
        console.show(
            .object([
                "outboxes": .array(reports.map { $0.json(problems: $0.problems(olderThan: self.olderThan, now: now)) })
            ]),
            text: OutboxReport.text(reports, now: now)
        )
        let problems = reports.flatMap { report in
            report.problems(olderThan: self.olderThan, now: now).map { "\(report.schema): \($0)" }
        }
        guard problems.isEmpty else { throw CommandError(CommandExit.problem, problems.joined(separator: "; ")) }
    }
}
