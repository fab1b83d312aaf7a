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
    /// The year 10000, from which on RFC 3339 has no text, in seconds since 1970.
    private static let endOfTimes = 253_402_300_800.0

    /// For the quarantine queue.
    ///
    /// However often the message came back before, it was started at most as often as makes it suspect.
    static func quarantined(_ message: ReceivedMessage, of subscription: SubscriptionName) -> OutgoingMessage {
        self.copy(message, to: Topology.quarantine(subscription)) { headers in
            headers.set(.returns, .int(Int64(max(message.returnsBefore, Delivery.suspiciousReturns))))
        }
    }

    /// For the end of the queue that the message came from, as if it had not been delivered.
    static func givenBack(_ message: ReceivedMessage, of subscription: SubscriptionName) -> OutgoingMessage {
        let isAlone = message.incoming.origin == .fetched
        let queue = isAlone ? Topology.quarantine(subscription) : subscription.description
        return self.copy(message, to: queue) { self.note(returns: message.returns, in: &$0) }
    }

    /// For the queue of another subscription.
    ///
    /// On an ordered subscription all that was prefetched returns together, so that returns prove no start there.
    static func moved(
        _ message: ReceivedMessage,
        from ordering: Ordering,
        to subscription: SubscriptionName
    ) -> OutgoingMessage {
        let returns = ordering == .perKey ? min(1, message.returns) : message.returns
        return self.copy(message, to: subscription.description) { self.note(returns: returns, in: &$0) }
    }

    /// For the dead-letter queue of another subscription: everything stays as it is, also what the broker has noted.
    static func movedDead(_ message: ReceivedMessage, to subscription: SubscriptionName) -> OutgoingMessage {
        self.copy(message, to: Topology.dead(subscription)) { headers in
            if let death = message.brokerDeath { self.note(dead: death.description, at: death.time, in: &headers) }
        }
    }

    /// For a retry queue or, without a delay, for the end of the subscription's own one: the failures; returns are counted from zero.
    static func retry(
        _ message: ReceivedMessage,
        of subscription: SubscriptionName,
        after delay: Duration?,
        _ failures: Failures
    ) -> OutgoingMessage {
        let queue = delay.map { Topology.retry(subscription, $0) } ?? subscription.description
        return self.copy(message, to: queue) { headers in
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
            self.note(dead: reason, at: time, in: &headers)
        }
    }

    /// For the subscription's own queue, from the dead-letter queue: failures and returns are counted from zero, redrives go on.
    static func redriven(_ message: ReceivedMessage, of subscription: SubscriptionName) -> OutgoingMessage {
        self.copy(message, to: subscription.description) { headers in
            headers.removeAll([.attempt, .returns, .firstFailedAt, .lastFailure, .deadReason, .deadAt])
            headers.set(.redrives, .int(Int64(message.redrives + 1)))
        }
    }

    private static func note(_ failures: Failures, in headers: inout HeaderTable) {
        headers.removeAll([.returns, .firstFailedAt, .lastFailure])
        headers.set(.attempt, .int(Int64(failures.count)))
        if let date = failures.firstAt { headers.set(.firstFailedAt, .string(EventCoding.text(of: date))) }
        if let reason = failures.kept.lastReason { headers.set(.lastFailure, .string(reason)) }
    }

    private static func note(dead reason: String, at time: Date?, in headers: inout HeaderTable) {
        headers.set(.deadReason, .string(reason.prefix(ofBytes: DeadLetter.maximumReasonBytes)))
        if let time { headers.set(.deadAt, .string(EventCoding.text(of: time))) }
    }

    private static func note(returns: Int, in headers: inout HeaderTable) {
        headers.removeAll([.returns])
        if returns > 0 { headers.set(.returns, .int(Int64(returns))) }
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
        if headers.encodedLength > self.maximumHeaderBytes { headers = self.essentials(of: message) }
        if message.redrives > 0 { headers.set(.redrives, .int(Int64(message.redrives))) }
        headers.set(.topic, .string(message.topicName.prefix(ofBytes: Message.Limits.shortStringBytes)))
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
        properties.appID = message.incoming.appID
        return OutgoingMessage(
            exchange: "",
            routingKey: queue,
            mandatory: true,
            properties: properties,
            headers: headers,
            body: message.incoming.body
        )
    }

    /// The headers that a message needs to stay the same event, when there are too many to keep.
    private static func essentials(of message: ReceivedMessage) -> HeaderTable {
        let read = message.message()
        var headers = HeaderTable()
        headers.set(.source, .string(read.source))
        if (0..<Self.endOfTimes).contains(read.time.timeIntervalSince1970) {
            headers.set(.time, .string(EventCoding.text(of: read.time)))
        }
        if read.version != 1 { headers.set(.version, .int(Int64(read.version))) }
        if let key = self.fitting(read.orderingKey) {
            headers.set(.orderingKey, .string(key))
            headers.set(.orderingBucket, .string(OrderingBucket.text(of: key)))
        }
        self.note(message.failures, in: &headers)
        self.note(returns: message.returnsBefore, in: &headers)
        return headers
    }

    /// Bytes that are not UTF-8 get longer when they are replaced, perhaps too long for a property.
    private static func fitting(_ text: String?) -> String? {
        text?.prefix(ofBytes: Message.Limits.shortStringBytes)
    }
}
