// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How a part of the system is doing: nothing to say, or sentences for the person on call.
public struct Health: Sendable, Hashable {
    /// What keeps the part from doing its work; empty when it can.
    ///
    /// Texts hold no secrets.
    public var problems: [String]
    /// What is not as it should be although the work goes on.
    public var notes: [String]

    /// Makes a report.
    public init(problems: [String] = [], notes: [String] = []) {
        self.problems = problems
        self.notes = notes
    }

    /// Whether the part can do its work.
    public var isReady: Bool { self.problems.isEmpty }

    /// All is well.
    public static let ready = Health()
}
