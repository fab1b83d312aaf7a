// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// When one of the connections to a host may probe it, and how soon to ask elsewhere: a pure state machine.
///
/// While the whole cluster has no majority every connection would get no answer. One probe stands for all of them, and asks elsewhere
/// ever more rarely.
struct ProbeTurns {
    /// From the beginning of a probe to the next one.
    static let pause = TimeAmount.seconds(3)
    /// How long the answer may take.
    static let patience = TimeAmount.seconds(4)
    static let longestPatience = TimeAmount.seconds(30)

    private var isTaken = false
    private var next: NIODeadline?
    /// After which time without an answer to ask elsewhere; twice as long after each time that nobody has answered there either.
    private(set) var patience = Self.patience

    /// - Returns: whether the caller has the turn, which it must give back.
    mutating func take(now: NIODeadline) -> Bool {
        guard !self.isTaken, self.next.map({ now >= $0 }) ?? true else { return false }
        self.isTaken = true
        self.next = now + Self.pause
        return true
    }

    /// - Parameter isDecided: whether the host has answered, or is left.
    mutating func giveBack(isDecided: Bool) {
        self.isTaken = false
        if isDecided { self.patience = Self.patience }
    }

    /// No other host has answered either.
    mutating func answeredNowhere() {
        self.patience = min(self.patience * 2, Self.longestPatience)
    }
}
