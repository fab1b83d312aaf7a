// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Copies of a message for the other queues of its subscription: body, properties and headers are kept, only what has to be
/// noted is added, and what RabbitMQ itself has noted is left out.
enum MessageCopy {
    /// More than this and the frame might overflow; then foreign headers are left out, since a message that cannot be
    /// copied would be stuck for ever.
    static let maximumHeaderBytes = 96 * 1024
    /// The longest reason that is kept, in bytes of UTF-8.
    static let maximumReasonBytes = 2000

    /// For the quarantine queue: one more return.
    static func quarantined(_ message: IncomingMessage, of subscription: SubscriptionName) -> OutgoingMessage {
        self.copy(message, to: Topology.quarantine(subscription)) { headers in
            headers.set(HeaderName.returns, .int(Int64(message.returnsBefore + 1)))
        }
    }

    /// For a retry queue: the failures, and a fresh start for the returns.
    static func retry(
        _ message: IncomingMessage,
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
        _ message: IncomingMessage,
        of subscription: SubscriptionName,
        reason: String,
        _ failures: Failures,
        at time: Date
    ) -> OutgoingMessage {
        self.copy(message, to: Topology.dead(subscription)) { headers in
            self.note(failures, in: &headers)
            headers.set(HeaderName.deadReason, .string(self.cut(reason)))
            headers.set(HeaderName.deadAt, .string(EventCoding.text(of: time)))
        }
    }

    /// For the subscription itself, from the dead-letter queue: everything starts anew, only the redrives go on.
    static func redriven(_ message: IncomingMessage, of subscription: SubscriptionName) -> OutgoingMessage {
        self.copy(message, to: subscription.description) { headers in
            headers.removeAll { name in
                switch name {
                case HeaderName.attempt, HeaderName.returns, HeaderName.firstFailedAt, HeaderName.deadReason,
                    HeaderName.deadAt:
                    true
                default: false
                }
            }
            headers.set(HeaderName.redrives, .int(Int64(message.redrives + 1)))
        }
    }

    private static func note(_ failures: Failures, in headers: inout HeaderTable) {
        headers.removeAll { $0 == HeaderName.returns || $0 == HeaderName.firstFailedAt }
        headers.set(HeaderName.attempt, .int(Int64(failures.count)))
        if let date = failures.firstAt { headers.append(HeaderName.firstFailedAt, .string(EventCoding.text(of: date))) }
    }

    private static func copy(
        _ message: IncomingMessage,
        to queue: String,
        _ change: (inout HeaderTable) -> Void
    ) -> OutgoingMessage {
        var headers = message.headers
        // A name of bytes that are no UTF-8 grows when they are replaced, perhaps beyond what a table can name.
        headers.removeAll { HeaderName.isStripped($0) || $0.utf8.count > Message.Limits.shortStringBytes }
        if headers.encodedLength > self.maximumHeaderBytes {
            headers.removeAll { !Message.isReserved(header: $0) && $0 != HeaderName.topic }
        }
        if headers.encodedLength > self.maximumHeaderBytes { headers = HeaderTable() }
        if message.redrives > 0 { headers.set(HeaderName.redrives, .int(Int64(message.redrives))) }
        headers.set(HeaderName.topic, .string(self.cut(message.topicName, to: Message.Limits.shortStringBytes)))
        change(&headers)
        var properties = message.properties
        properties.deliveryMode = Properties.persistent
        properties.messageID = self.fitting(message.messageID)
        // An expiration would let the copy vanish; a user id of another user would be refused (RabbitMQ, validated user-id).
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
            body: message.body
        )
    }

    /// Bytes that are no UTF-8 grow when they are replaced, perhaps beyond what fits.
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
