// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser

/// How a command writes its results.
public struct OutputOptions: ParsableArguments, Sendable {
    /// JSON instead of text for people.
    @Flag(help: "Write JSON: one document, or one line for each result of a command that goes on.")
    public var json = false

    /// Whether to log what the connections do.
    @Flag(help: "Log what the connections do to standard error.")
    public var verbose = false

    /// Creates the options.
    public init() {}
}
