// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The state of a part of the system, with texts for the person on call when something is wrong.
public struct Health: Sendable, Hashable {
    /// What prevents the part from working; empty when nothing does.
    ///
    /// The texts contain no secrets.
    public var problems: [String]
    /// What needs attention although the part is working.
    public var notes: [String]

    /// Creates a report.
    public init(problems: [String] = [], notes: [String] = []) {
        self.problems = problems
        self.notes = notes
    }

    /// Whether the part can work.
    public var isReady: Bool { self.problems.isEmpty }

    /// No problems and no notes.
    public static let ready = Health()
}
