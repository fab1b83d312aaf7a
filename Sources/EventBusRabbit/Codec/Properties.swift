// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The properties of a message, without its headers (AMQP 0-9-1 §1.8.3).
struct Properties: Hashable, Sendable {
    var contentType: String?
    var contentEncoding: String?
    var deliveryMode: UInt8?
    var priority: UInt8?
    var correlationID: String?
    var replyTo: String?
    var expiration: String?
    var messageID: String?
    /// Seconds since 1970.
    var timestamp: UInt64?
    var type: String?
    var userID: String?
    var appID: String?
    var clusterID: String?

    /// The delivery mode of messages that survive a restart of the broker.
    static let persistent: UInt8 = 2
}
