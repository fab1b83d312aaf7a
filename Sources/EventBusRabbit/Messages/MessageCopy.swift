// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Copies of a message for the other queues of its subscription.
///
/// A copy keeps body, properties and headers, except what the broker noted on the original, and gets the notes that its queue needs.
enum MessageCopy {
    /// With more than this, the frame might exceed the limit: foreign headers are left out then, since a message that cannot be
    /// copied would stay unacknowledged indefinitely.
    static let maximumHeaderBytes = 96 * 1024
    /// The longest reason that is kept, in bytes of UTF-8.
    static let maximumReasonBytes = 2000

    /// For the quarantine queue: one more return.
    static func quarantined(_ message: ReceivedMessage, of subscription: SubscriptionName) -> OutgoingMessage {
        self.copy(message, to: Topology.quarantine(subscription)) { headers in
            headers.set(.returns, .int(Int64(message.returnsBefore + 1)))
        }
    }

    /// For a retry queue: the failures; returns are counted from zero.
    static func retry(
        _ message: ReceivedMessage,
        of subscription: SubscriptionName,
        after delay: Duration,
        _ failures: Failures
    ) -> OutgoingMessage {
        self.copy(message, to: Topology.retry(subscription, delay)) { headers in
            self.note(failures, in: &headers)
        }
    }

    /// For the dead-letter queue: the failures and the reason.
    static func dead(
        _ message: ReceivedMessage,
        of subscription: SubscriptionName,
        reason: String,
        _ failures: Failures,
        at time: Date
    ) -> OutgoingMessage {
        self.copy(message, to: Topology.dead(subscription)) { headers in
            self.note(failures, in: &headers)
            headers.set(.deadReason, .string(self.cut(reason)))
            headers.set(.deadAt, .string(EventCoding.text(of: time)))
        }
    }

    /// For the subscription's own queue, from the dead-letter queue: failures and returns are counted from zero, redrives go on.
    static func redriven(_ message: ReceivedMessage, of subscription: SubscriptionName) -> OutgoingMessage {
        self.copy(message, to: subscription.description) { headers in
            headers.removeAll([.attempt, .returns, .firstFailedAt, .deadReason, .deadAt])
            headers.set(.redrives, .int(Int64(message.redrives + 1)))
        }
    }

    private static func note(_ failures: Failures, in headers: inout HeaderTable) {
        headers.removeAll([.returns, .firstFailedAt])
        headers.set(.attempt, .int(Int64(failures.count)))
        if let date = failures.firstAt { headers.set(.firstFailedAt, .string(EventCoding.text(of: date))) }
    }

    private static func copy(
        _ message: ReceivedMessage,
        to queue: String,
        _ change: (inout HeaderTable) -> Void
    ) -> OutgoingMessage {
        var headers = message.incoming.headers
        // Bytes that are not UTF-8 get longer when they are replaced, so that a name may become too long for a table.
        headers.removeAll { HeaderName.isForBrokers($0) || $0.utf8.count > Message.Limits.shortStringBytes }
        if headers.encodedLength > self.maximumHeaderBytes { headers.removeAll { !HeaderName.isReserved($0) } }
        if headers.encodedLength > self.maximumHeaderBytes { headers = HeaderTable() }
        if message.redrives > 0 { headers.set(.redrives, .int(Int64(message.redrives))) }
        headers.set(.topic, .string(self.cut(message.topicName, to: Message.Limits.shortStringBytes)))
        change(&headers)
        var properties = message.incoming.properties
        properties.deliveryMode = Properties.persistent
        properties.messageID = self.fitting(message.messageID)
        // The copy would disappear when it expires; the user id of another user would be refused (RabbitMQ, validated user-id).
        properties.expiration = nil
        properties.userID = nil
        properties.clusterID = nil
        properties.contentType = self.fitting(properties.contentType)
        properties.contentEncoding = self.fitting(properties.contentEncoding)
        properties.correlationID = self.fitting(properties.correlationID)
        properties.replyTo = self.fitting(properties.replyTo)
        properties.type = self.fitting(properties.type)
        properties.appID = self.fitting(properties.appID)
        return OutgoingMessage(
            exchange: "",
            routingKey: queue,
            mandatory: true,
            properties: properties,
            headers: headers,
            body: message.incoming.body
        )
    }

    /// Bytes that are not UTF-8 get longer when they are replaced, perhaps too long for a property.
    private static func fitting(_ text: String?) -> String? {
        text.map { self.cut($0, to: Message.Limits.shortStringBytes) }
    }

    private static func cut(_ text: String, to limit: Int = maximumReasonBytes) -> String {
        guard text.utf8.count > limit else { return text }
        var length = 0
        return String(
            text.unicodeScalars.prefix {
                length += $0.utf8.count; return length <= limit
            }
        )
    }
}
