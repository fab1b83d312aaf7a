// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The headers that have a meaning of their own: the one table of their names.
///
/// Producers must not set them, on any backend.
package enum HeaderName: UInt8, CaseIterable, Sendable {
    // MARK: What an event carries (wire contract), in the order in which it is written, so that it is found quickly

    case specVersion
    case id
    case type
    case source
    case time
    case version
    case orderingKey
    /// By which sharded subscriptions choose a shard.
    case orderingBucket

    // MARK: What a subscription's own queues add (wire contract)

    /// The topic to which a copy was first published.
    case topic
    case attempt
    case returns
    case firstFailedAt
    case lastFailure
    case deadReason
    case deadAt
    case redrives

    // MARK: What brokers set or interpret, refused on every backend so that a message can move between backends

    /// How often the message came back (RabbitMQ, quorum queues).
    case deliveryCount
    case acquiredCount
    /// Where the message was dead-lettered (RabbitMQ).
    case death
    /// Further queues for the message (RabbitMQ, sender-selected distribution).
    case carbonCopy
    case blindCarbonCopy

    /// The two beginnings of an attribute's name (CloudEvents AMQP binding §3.2.3), of which this package writes the first.
    ///
    /// All names that begin like that are reserved, also those of further attributes.
    private static let attributePrefix: StaticString = "cloudEvents_"
    private static let otherAttributePrefix: StaticString = "cloudEvents:"
    /// The beginnings of names that brokers set.
    private static let brokerPrefixes: [StaticString] = ["x-first-death-", "x-last-death-"]

    /// The header with this name; `nil` for all others.
    ///
    /// - Parameter previous: the header before it, if the headers are probably in the order of the cases.
    package init?(utf8 name: UnsafeRawBufferPointer, after previous: HeaderName? = nil) {
        // Every name of the table begins with one of these; most other names don't.
        switch name.first {
        case UInt8(ascii: "c"), UInt8(ascii: "x"), UInt8(ascii: "C"), UInt8(ascii: "B"): break
        default: return nil
        }
        var number = previous?.rawValue ?? .max
        for _ in 0...HeaderName.blindCarbonCopy.rawValue {
            number = number < HeaderName.blindCarbonCopy.rawValue ? number + 1 : 0
            guard let candidate = HeaderName(rawValue: number), candidate.hasSameBytes(as: name) else { continue }
            self = candidate
            return
        }
        return nil
    }

    /// The attribute of CloudEvents whose name begins with `cloudEvents:` instead of `cloudEvents_`; `nil` for all other names.
    package init?(colonForm name: UnsafeRawBufferPointer) {
        guard Self.begins(name, with: Self.otherAttributePrefix) else { return nil }
        let count = Self.otherAttributePrefix.utf8CodeUnitCount
        let rest = UnsafeRawBufferPointer(rebasing: name[count...])
        for candidate in [HeaderName.specVersion, .id, .type, .source, .time] {
            let text = candidate.text
            let attribute = UnsafeRawBufferPointer(start: text.utf8Start + count, count: text.utf8CodeUnitCount - count)
            guard rest.hasSameBytes(as: attribute) else { continue }
            self = candidate
            return
        }
        return nil
    }

    private func hasSameBytes(as name: UnsafeRawBufferPointer) -> Bool {
        let text = self.text
        guard text.utf8CodeUnitCount == name.count else { return false }
        return name.hasSameBytes(as: UnsafeRawBufferPointer(start: text.utf8Start, count: name.count))
    }

    /// The name as it travels.
    package var text: StaticString {
        switch self {
        case .specVersion: "cloudEvents_specversion"
        case .id: "cloudEvents_id"
        case .type: "cloudEvents_type"
        case .source: "cloudEvents_source"
        case .time: "cloudEvents_time"
        case .version: "x-event-version"
        case .orderingKey: "x-ordering-key"
        case .orderingBucket: "x-ordering-bucket"
        case .topic: "x-topic"
        case .attempt: "x-attempt"
        case .returns: "x-returns"
        case .firstFailedAt: "x-first-failed-at"
        case .lastFailure: "x-last-failure"
        case .deadReason: "x-dead-reason"
        case .deadAt: "x-dead-at"
        case .redrives: "x-redrives"
        case .deliveryCount: "x-delivery-count"
        case .acquiredCount: "x-acquired-count"
        case .death: "x-death"
        case .carbonCopy: "CC"
        case .blindCarbonCopy: "BCC"
        }
    }

    private var isForBrokers: Bool { self.rawValue >= HeaderName.deliveryCount.rawValue }

    /// Whether a name that is none of the table's is reserved because of its beginning.
    package static func hasReservedPrefix(_ name: UnsafeRawBufferPointer) -> Bool {
        // Nearly all names are told apart by the first byte.
        switch name.first {
        case UInt8(ascii: "c"):
            Self.begins(name, with: Self.attributePrefix) || Self.begins(name, with: Self.otherAttributePrefix)
        case UInt8(ascii: "x"): Self.isForBrokers(name)
        default: false
        }
    }

    /// Whether producers must not set a header.
    package static func isReserved(_ name: String) -> Bool {
        Self.withBytes(of: name) { HeaderName(utf8: $0) != nil || Self.hasReservedPrefix($0) }
    }

    /// Whether brokers set or interpret a header, so that a copy of a message must not keep it.
    package static func isForBrokers(_ name: String) -> Bool {
        Self.withBytes(of: name) { HeaderName(utf8: $0)?.isForBrokers ?? Self.isForBrokers($0) }
    }

    private static func isForBrokers(_ name: UnsafeRawBufferPointer) -> Bool {
        Self.brokerPrefixes.contains { Self.begins(name, with: $0) }
    }

    private static func begins(_ name: UnsafeRawBufferPointer, with prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { name.prefix($0.count).elementsEqual($0) }
    }

    private static func withBytes<Result>(of name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var name = name
        return name.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension HeaderName: CustomStringConvertible {
    package var description: String { self.text.description }
}
