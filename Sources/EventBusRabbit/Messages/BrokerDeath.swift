// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What RabbitMQ notes on a message that it has dead-lettered by itself (header `x-death`).
struct BrokerDeath: Hashable {
    private static let maximumNameBytes = 255

    private let reason: String
    private let queue: String
    private let count: Int64
    /// When it happened, in whole seconds.
    let time: Date?
    /// The routing key with which the message was published to the events exchange.
    let topic: String?

    /// - Parameter header: one entry per queue and reason, the latest first.
    init?(_ header: HeaderValue?) {
        guard case .array(let values) = header else { return nil }
        let entries = values.compactMap { value -> [String: HeaderValue]? in
            if case .table(let entry) = value { entry } else { nil }
        }
        guard let latest = entries.first, let reason = Self.text(latest["reason"]) else { return nil }
        self.reason = reason
        self.queue = Self.text(latest["queue"]) ?? ""
        self.count = latest["count"]?.int ?? 1
        if case .timestamp(let time) = latest["time"], time.isOrdinary { self.time = time } else { self.time = nil }
        let published = entries.last { $0["exchange"]?.string == Topology.exchange }
        if case .array(let keys) = published?["routing-keys"] {
            self.topic = Self.text(keys.first)
        } else {
            self.topic = nil
        }
    }

    private static func text(_ value: HeaderValue?) -> String? {
        value?.string?.prefix(ofBytes: Self.maximumNameBytes)
    }
}

extension BrokerDeath: CustomStringConvertible {
    /// The reason of the dead letter.
    var description: String {
        let reason =
            switch self.reason {
            case "delivery_limit": "delivery limit reached"
            case "expired": "message expired"
            case "maxlen": "queue was full"
            default: self.reason
            }
        return "RabbitMQ: \(reason) (queue \(self.queue), \(self.count == 1 ? "once" : "\(self.count) times"))"
    }
}
