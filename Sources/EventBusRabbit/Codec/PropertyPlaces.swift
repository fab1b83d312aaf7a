// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The offsets of a message's properties in its content header, in bytes; 0 for those that are missing.
struct PropertyPlaces: BitwiseCopyable, Sendable {
    let bodySize: UInt64
    var contentType: UInt32 = 0
    var contentEncoding: UInt32 = 0
    var headers: UInt32 = 0
    var deliveryMode: UInt32 = 0
    var priority: UInt32 = 0
    var correlationID: UInt32 = 0
    var replyTo: UInt32 = 0
    var expiration: UInt32 = 0
    var messageID: UInt32 = 0
    var timestamp: UInt32 = 0
    var type: UInt32 = 0
    var userID: UInt32 = 0
    var appID: UInt32 = 0
    var clusterID: UInt32 = 0

    init(bodySize: UInt64) {
        self.bodySize = bodySize
    }
}
