// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The metadata keys of all log lines.
package enum LogKey {
    package static let subscription = "eventbus.subscription"
    package static let topic = "eventbus.topic"
    package static let messageID = "eventbus.message.id"
    /// How many attempts have been started.
    package static let attempts = "eventbus.attempts"
    /// What a backend answered to a publish.
    package static let outcome = "eventbus.outcome"
    /// How long to wait before the next try.
    package static let pause = "eventbus.pause"
}
