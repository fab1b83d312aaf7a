// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How long an owner may count on the outbox: a pure decision.
///
/// The server ends a session that has been silent for the duration of the lease, and another process can own the outbox then. The
/// server counts from the end of a statement, the owner from before it sent the statement, so it is always the owner that stops first.
/// The clock has to go on while the process is stopped, as `ContinuousClock` does.
struct OutboxLease: Sendable {
    typealias Instant = ContinuousClock.Instant

    private let duration: Duration
    /// When the last statement was sent that the server has answered.
    private var proven: Instant

    init(_ duration: Duration, provenAt sent: Instant) {
        self.duration = duration
        self.proven = sent
    }

    /// How often to send a statement, so that a slow bus does not cost the lease, and neither do two lost chances.
    var heartbeatInterval: Duration { self.duration / 3 }

    /// Takes the answer to a statement that was sent at `sent`.
    mutating func renew(sentAt sent: Instant) { self.proven = max(self.proven, sent) }

    /// Whether the outbox can have no other owner at `now`.
    func isHeld(at now: Instant) -> Bool { self.proven.duration(to: now) < self.duration }
}
