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

/// A message from the broker as the wire contract reads it; its headers are parsed once.
struct ReceivedMessage {
    let incoming: IncomingMessage
    private let headers: ContractHeaders

    init(_ incoming: IncomingMessage) {
        self.incoming = incoming
        self.headers = ContractHeaders(incoming)
    }

    /// The topic: the routing key or, for a copy, the routing key of the original.
    var topicName: String {
        // The routing key of copies, which come through the default exchange or that of the shards, is not their topic.
        let exchange = self.incoming.exchange
        guard exchange != Topology.exchange, exchange.isEmpty || exchange.hasSuffix(".shards") else {
            return self.incoming.routingKey
        }
        if let topic = self.headers.topic ?? self.death?.topic { return topic }
        return self.incoming.text(at: self.incoming.places.type) ?? self.incoming.routingKey
    }

    /// What the broker has noted if it has dead-lettered the message by itself.
    private var death: BrokerDeath? {
        var value: HeaderValue?
        _ = self.incoming.visitHeaders { name, bytes in
            if HeaderName(utf8: name) == .death { value = ContractHeaders.fieldValue(bytes) }
        }
        return BrokerDeath(value)
    }

    /// The producer's id or, without one, an id derived from the content: `sha256-` and the hexadecimal SHA-256 of topic, a zero
    /// byte and body.
    var messageID: String {
        if let id = self.headers.givenID ?? self.headers.id { return id }
        var hash = SHA256()
        hash.update(data: Array(self.topicName.utf8) + [0])
        self.incoming.body.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        return "sha256-" + hash.finalize().hexadecimal
    }

    /// How often the message came back without a verdict to the queue that it was received from.
    ///
    /// The broker's count is believed only for a redelivered message, since any producer can set the header.
    var returnsHere: Int { self.incoming.redelivered ? max(1, self.headers.deliveryCount) : 0 }

    /// How often it came back in other queues before.
    var returnsBefore: Int { self.headers.returns }

    /// How often it came back altogether.
    var returns: Int { self.returnsBefore + self.returnsHere }

    /// How often it was redriven.
    var redrives: Int { self.headers.redrives }

    var failures: Failures { self.headers.failures }

    var orderingKey: String? { self.headers.orderingKey }

    /// The source: that of the event's headers or the property `app_id`; empty if there is neither.
    var source: String { self.headers.source ?? self.incoming.appID ?? "" }

    /// The message as handlers see it; what a foreign producer left out is filled in.
    func message() -> Message {
        let (incoming, topic) = (self.incoming, self.topicName)
        return Message(
            id: self.messageID,
            topic: Topic(foreign: topic),
            type: incoming.text(at: incoming.places.type, perhaps: topic) ?? self.headers.type,
            version: self.headers.version,
            source: self.source,
            // The beginning of 1970 means that the time is unknown, and is the same on every redelivery.
            time: self.headers.time ?? incoming.timestamp.map(Date.init(seconds:)).flatMap { $0.isOrdinary ? $0 : nil }
                ?? Date(seconds: 0),
            orderingKey: self.headers.orderingKey,
            contentType: incoming.text(at: incoming.places.contentType, perhaps: Self.json) ?? Self.json,
            headers: self.headers.others,
            body: incoming.body.withUnsafeReadableBytes { [UInt8]($0) }
        )
    }

    func delivery(_ generation: UInt64) -> Delivery {
        Delivery(
            id: Delivery.ID(generation: generation, tag: self.incoming.tag),
            message: self.message(),
            failures: self.failures,
            returns: self.returns,
            redrives: self.redrives
        )
    }

    /// Why and when the broker has made it a dead letter; `nil` if a consumer has said why it is one.
    var brokerDeath: BrokerDeath? { self.headers.deadReason == nil ? self.death : nil }

    /// The message as a dead letter; one that another program put into the queue may have neither reason nor time.
    func deadLetter() -> DeadLetter {
        let death = self.brokerDeath
        return DeadLetter(
            message: self.message(),
            reason: self.headers.deadReason ?? death?.description ?? "",
            failures: self.failures,
            deadAt: self.headers.deadAt ?? death?.time ?? Date(seconds: 0),
            redrives: self.redrives
        )
    }

    private static let json = "application/json"
}

extension IncomingMessage {
    /// The id that the producer set as a property; `nil` when it is missing or empty.
    var givenID: String? { self.withText(at: self.places.messageID) { IdentifyingText.of($0, .id) } }

    /// The source that the producer set as a property; `nil` when it is missing or empty.
    var appID: String? { self.withText(at: self.places.appID) { IdentifyingText.of($0, .source) } }

    /// Whether the message has come back so often that it may have crashed a process.
    ///
    /// Only what was redelivered or is a copy, which comes through the default exchange, can have come back; of others nothing is read.
    var isSuspect: Bool {
        guard self.redelivered || self.exchange.isEmpty else { return false }
        return ReceivedMessage(self).returns >= Delivery.suspiciousReturns
    }
}
