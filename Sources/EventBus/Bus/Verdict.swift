// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What happens to a delivery after the attempt to handle it.
///
/// The engine counts attempts and decides; a backend only carries out the verdict and stores its counts.
public enum Verdict: Sendable, Hashable {
    /// The message was handled and is removed.
    case done
    /// The message is delivered again with these failures, after the closest of the ``Subscription/retryDelays``.
    case retry(after: Duration, Failures)
    /// The message becomes a dead letter with this reason; on RabbitMQ it moves to the queue `<subscription>.dead`.
    case deadLetter(reason: String, Failures)
}
