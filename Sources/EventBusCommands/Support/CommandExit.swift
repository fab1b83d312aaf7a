// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusPersistence
import EventBusPostgres

/// The exit codes of all commands, which do not change between releases.
public enum CommandExit {
    /// Something is wrong or was not found, or a message was not accepted.
    public static let problem = ExitCode(1)
    /// A server could not be reached, refused the login or a right, or did not answer.
    public static let unreachable = ExitCode(2)
    /// Done, but there may be dead letters that could not be looked at.
    public static let incomplete = ExitCode(3)
    /// An argument or a setting is wrong (`EX_USAGE`).
    public static let usage = ExitCode.validationFailure
    /// A bug (`EX_SOFTWARE`).
    public static let bug = ExitCode(70)
    /// Ended by a signal before everything was done.
    public static let interrupted = ExitCode(130)

    /// The exit code after an error.
    static func code(for error: any Error) -> ExitCode {
        switch error {
        case let code as ExitCode: code
        case let error as CommandError: error.exit
        case let error as BusError: self.code(for: error.code)
        case let error as RepositoryError: error.isRefusal ? self.unreachable : self.code(for: error.code)
        case is PostgresConfigurationError, is ValidationError: self.usage
        case is CancellationError: self.interrupted
        default: self.bug
        }
    }

    private static func code(for code: BusError.Code) -> ExitCode {
        switch code {
        case .invalidTopic, .invalidMessage, .invalidSubscription, .invalidConfiguration: self.usage
        case .unavailable, .connectionLost, .closed, .outcomeUnknown: self.unreachable
        default: self.problem
        }
    }

    private static func code(for code: RepositoryError.Code) -> ExitCode {
        switch code {
        case .invalidConfiguration, .invalidValue: self.usage
        case .unavailable, .timedOut, .commitUnknown: self.unreachable
        default: self.problem
        }
    }
}
