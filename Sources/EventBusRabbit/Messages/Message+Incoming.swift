// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBus
import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension IncomingMessage {
    /// The topic: the routing key, or for a copy the one with which it was first published.
    var topicName: String {
        // Copies come through the default exchange, whose routing key is the queue's name.
        guard self.exchange.isEmpty else { return self.routingKey }
        return self.text(HeaderName.topic) ?? self.properties.type ?? self.routingKey
    }

    /// The id that the producer has given, or a stable one of the content: `sha256-` and the hexadecimal SHA-256 of
    /// topic, a zero byte and body.
    var messageID: String {
        for id in [self.properties.messageID, self.text(HeaderName.id)].compactMap({ $0 })
        where (1...Message.Limits.shortStringBytes).contains(id.utf8.count) { return id }
        var hash = SHA256()
        hash.update(data: Array(self.topicName.utf8) + [0])
        self.body.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        return "sha256-" + hash.finalize().map(IncomingMessage.hexadecimal).joined()
    }

    /// How often the message came back without a verdict to the queue that it has come from.
    var returnsHere: Int {
        guard self.redelivered else { return 0 }
        // What the header says counts only for a redelivered message: anyone can publish one.
        return max(1, self.count(HeaderName.deliveryCount))
    }

    /// How often it came back in queues before.
    var returnsBefore: Int { self.count(HeaderName.returns) }

    /// How often it was a dead letter and was given to its subscription again.
    var redrives: Int { self.count(HeaderName.redrives) }

    /// The attempts that have failed.
    var failures: Failures {
        Failures(
            count: self.count(HeaderName.attempt),
            firstAt: self.text(HeaderName.firstFailedAt).flatMap(EventCoding.date)
        )
    }

    /// The message as handlers see it; what a foreign producer has left out is filled in.
    func message() -> Message {
        let topic = Topic(foreign: self.topicName)
        // The beginning of 1970 says that nobody knows when it happened, and says it again on a redelivery.
        let time =
            self.text(HeaderName.time).flatMap(EventCoding.date) ?? Date(seconds: self.properties.timestamp ?? 0)
        var headers: [String: HeaderValue] = [:]
        for entry in self.headers.entries where !IncomingMessage.isOwn(entry.name) {
            headers[entry.name] = HeaderTable.value(of: entry).map(HeaderValue.init)
        }
        return Message(
            id: self.messageID,
            topic: topic,
            type: self.properties.type ?? self.text(HeaderName.type),
            version: self.version,
            source: self.text(HeaderName.source) ?? self.properties.appID ?? "",
            time: time,
            orderingKey: self.text(HeaderName.orderingKey),
            contentType: self.properties.contentType ?? "application/json",
            headers: headers,
            body: [UInt8](self.body.readableBytesView)
        )
    }

    /// The message as a dead letter; one that another program has put aside may say nothing about why and when.
    func deadLetter() -> DeadLetter {
        DeadLetter(
            message: self.message(),
            reason: self.text(HeaderName.deadReason) ?? "",
            failures: self.failures,
            deadAt: self.text(HeaderName.deadAt).flatMap(EventCoding.date) ?? Date(seconds: 0),
            redrives: self.redrives
        )
    }

    /// A header that is text.
    private func text(_ name: String) -> String? {
        guard case .string(let text) = self.headers[name] else { return nil }
        return text
    }

    /// A header that counts something; anything else counts nothing.
    private func count(_ name: String) -> Int {
        guard case .int(let value) = self.headers[name] else { return 0 }
        return Int(min(max(0, value), 1_000_000))
    }

    private var version: Int {
        switch self.headers[HeaderName.version] {
        case .int(let value): Int(clamping: value)
        case .string(let text): Int(text) ?? 1
        default: 1
        }
    }

    private static func isOwn(_ name: String) -> Bool {
        Message.isReserved(header: name) || name == HeaderName.topic
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }
}
