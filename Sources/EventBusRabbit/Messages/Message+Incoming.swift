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
    /// The id that the producer has given as a property.
    var givenID: String? {
        guard let id = self.text(at: self.places.messageID), Self.isID(id) else { return nil }
        return id
    }

    /// The topic: the routing key, or for a copy the one with which it was first published.
    var topicName: String { self.topicName(ContractHeaders(self)) }

    /// The id that the producer has given, or a stable one of the content: `sha256-` and the hexadecimal SHA-256 of
    /// topic, a zero byte and body.
    var messageID: String { self.messageID(ContractHeaders(self)) }

    /// How often the message came back without a verdict to the queue that it has come from.
    var returnsHere: Int { self.redelivered ? self.returnsHere(ContractHeaders(self)) : 0 }

    /// How often it came back in queues before.
    var returnsBefore: Int { ContractHeaders(self).returns }

    /// How often it was a dead letter and was given to its subscription again.
    var redrives: Int { ContractHeaders(self).redrives }

    /// The message as handlers see it; what a foreign producer has left out is filled in.
    func message() -> Message { self.message(ContractHeaders(self)) }

    /// The message on its way to handlers.
    func delivery(_ generation: UInt64) -> Delivery {
        let headers = ContractHeaders(self)
        return Delivery(
            id: Delivery.ID(generation: generation, tag: self.tag),
            message: self.message(headers),
            failures: self.failures(headers),
            returns: headers.returns + self.returnsHere(headers),
            redrives: headers.redrives
        )
    }

    /// The message as a dead letter; one that another program has put aside may say nothing about why and when.
    func deadLetter() -> DeadLetter {
        let headers = ContractHeaders(self)
        return DeadLetter(
            message: self.message(headers),
            reason: headers.deadReason ?? "",
            failures: self.failures(headers),
            deadAt: headers.deadAt ?? Date(seconds: 0),
            redrives: headers.redrives
        )
    }

    // MARK: With the headers read

    private func topicName(_ headers: ContractHeaders) -> String {
        // Copies come through the default exchange, whose routing key is the queue's name.
        guard self.exchange.isEmpty else { return self.routingKey }
        return headers.topic ?? self.text(at: self.places.type) ?? self.routingKey
    }

    private func messageID(_ headers: ContractHeaders) -> String {
        if let id = headers.givenID { return id }
        if let id = headers.id, Self.isID(id) { return id }
        var hash = SHA256()
        hash.update(data: Array(self.topicName(headers).utf8) + [0])
        self.body.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        return "sha256-" + hash.finalize().map(IncomingMessage.hexadecimal).joined()
    }

    private func returnsHere(_ headers: ContractHeaders) -> Int {
        // What the header says counts only for a redelivered message: anyone can publish one.
        self.redelivered ? max(1, headers.deliveryCount) : 0
    }

    private func failures(_ headers: ContractHeaders) -> Failures {
        Failures(count: headers.attempt, firstAt: headers.firstFailedAt)
    }

    private func message(_ headers: ContractHeaders) -> Message {
        let topic = self.topicName(headers)
        return Message(
            id: self.messageID(headers),
            topic: Topic(foreign: topic),
            type: self.text(at: self.places.type, perhaps: topic) ?? headers.type,
            version: headers.version,
            source: headers.source ?? self.text(at: self.places.appID) ?? "",
            // The beginning of 1970 says that nobody knows when it happened, and says it again on a redelivery.
            time: headers.time ?? Date(seconds: self.timestamp ?? 0),
            orderingKey: headers.orderingKey,
            contentType: self.text(at: self.places.contentType, perhaps: Self.json) ?? Self.json,
            headers: headers.others,
            body: [UInt8](self.body.readableBytesView)
        )
    }

    private static let json = "application/json"

    private static func isID(_ text: String) -> Bool {
        (1...Message.Limits.shortStringBytes).contains(text.utf8.count)
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }
}
