// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser

/// A command that writes to a ``Console`` and ends with one of the codes of ``CommandExit``.
///
/// SIGINT and SIGTERM cancel ``execute(_:)``, which is waited for, so that it can end properly; a second signal ends the process at
/// once.
public protocol OperatorCommand: AsyncParsableCommand, Sendable {
    /// How to write results.
    var output: OutputOptions { get }

    /// Does the work.
    ///
    /// - Throws: anything; ``CommandExit`` tells which exit code follows. `CancellationError` after a signal, unless the command
    ///   has done everything that it should.
    func execute(_ console: Console) async throws
}

extension OperatorCommand {
    /// Executes the command and exits with a code other than 0 after an error, which it tells on standard error.
    public func run() async throws {
        let console = Console.standard(self.output)
        do {
            try await withInterrupts { try await self.execute(console) }
        } catch {
            if !(error is ExitCode) {
                console.tell("error: \(error is CancellationError ? "interrupted" : "\(error)")")
            }
            throw CommandExit.code(for: error)
        }
    }
}
