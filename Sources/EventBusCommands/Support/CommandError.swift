// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser

/// Why a command ends with a code other than 0, as one line for a person.
public struct CommandError: Error, Sendable, CustomStringConvertible {
    /// The exit code of the process.
    public let exit: ExitCode
    /// What is wrong and what to do; never a secret or the body of a message.
    public let description: String

    /// Creates an error; `exit` is one of ``CommandExit``.
    public init(_ exit: ExitCode, _ description: String) {
        self.exit = exit
        self.description = description
    }
}
