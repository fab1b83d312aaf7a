// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How long and how large one pass over a dead-letter queue may be; another one follows.
struct DeadLetterPass: Sendable {
    /// How many bytes of bodies may wait to be looked at.
    var maximumBytes = 64 * 1024 * 1024
    /// RabbitMQ closes a channel that holds a message for longer than `consumer_timeout`, by default 30 minutes; what a slow redrive
    /// has not come to is given back before.
    var duration = Duration.seconds(240)
}
