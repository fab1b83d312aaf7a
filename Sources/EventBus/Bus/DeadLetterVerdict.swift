// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What is to happen to a dead letter; see ``EventBus/settleDeadLetters(of:limit:batch:_:)``.
public enum DeadLetterVerdict: Sendable, Hashable {
    /// It stays where it is.
    case keep
    /// It is delivered to its subscription again.
    case redrive
    /// It is removed for good.
    case discard
}

extension [DeadLetter] {
    /// Too few verdicts would settle the wrong dead letters.
    package func requireVerdicts(_ verdicts: [DeadLetterVerdict]) {
        require(
            verdicts.count == self.count,
            "there are \(verdicts.count) verdicts for \(self.count) dead letters, must be one for each"
        )
    }
}
