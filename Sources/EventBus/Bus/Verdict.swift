// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What is to become of a delivery.
///
/// The engine counts; a backend only carries out and stores what it is told.
public enum Verdict: Sendable, Hashable {
    /// Handled: the subscription forgets the message.
    case done
    /// Deliver the message again after a delay, which is a rung of the ``RetryLadder``, with these failures.
    case retry(after: Duration, Failures)
    /// Put the message aside for a person, with the reason; on RabbitMQ into the queue `<subscription>.dead`.
    case deadLetter(reason: String, Failures)
}
