// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The header names of the wire contract.
enum HeaderName {
    static let specVersion = "cloudEvents_specversion"
    static let id = "cloudEvents_id"
    static let type = "cloudEvents_type"
    static let source = "cloudEvents_source"
    static let time = "cloudEvents_time"
    static let version = "x-event-version"
    static let orderingKey = "x-ordering-key"
    /// The routing key with which a copy was first published.
    static let topic = "x-topic"
    static let attempt = "x-attempt"
    static let returns = "x-returns"
    static let firstFailedAt = "x-first-failed-at"
    static let deadReason = "x-dead-reason"
    static let deadAt = "x-dead-at"
    static let redrives = "x-redrives"
    /// Set by RabbitMQ's quorum queues: how often the message came back.
    static let deliveryCount = "x-delivery-count"

    /// Whether a copy must not keep the header: RabbitMQ's own notes, and those that would send it elsewhere.
    static func isStripped(_ name: String) -> Bool {
        switch name {
        case "x-death", "x-delivery-count", "x-acquired-count", "CC", "BCC": true
        default: name.hasPrefix("x-first-death-") || name.hasPrefix("x-last-death-")
        }
    }
}
