// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The metadata keys of all log messages.
package enum LogKey {
    package static let subscription = "eventbus.subscription"
    package static let topic = "eventbus.topic"
    package static let messageID = "eventbus.message.id"
    /// The id of a row of an outbox.
    package static let row = "eventbus.row"
    /// How many attempts have been started.
    package static let attempts = "eventbus.attempts"
    /// Why an event could not be handled.
    package static let reason = "eventbus.reason"
    /// The outcome of a publish.
    package static let outcome = "eventbus.outcome"
    /// The pause before the next attempt.
    package static let pause = "eventbus.pause"
}
