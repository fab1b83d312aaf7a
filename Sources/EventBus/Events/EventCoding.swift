// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// Encodes events as JSON and decodes them: plain UTF-8 objects, times in UTC with `Z` (RFC 3339 §5.6).
package enum EventCoding {
    /// Shared because creating an encoder costs as much as encoding a small event.
    package static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(EventCoding.text(of: date))
        }
        return encoder
    }()

    package static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            guard let date = EventCoding.date(from: try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an RFC 3339 time")
            }
            return date
        }
        return decoder
    }()

    /// Formats a time as `2026-01-01T00:00:00Z`, with milliseconds only if they are not zero.
    package static func text(of date: Date) -> String {
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded()
        if let text = RFC3339.text(milliseconds: milliseconds) { return text }
        return date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: false))
    }

    /// Parses a time with or without a fraction, in UTC or with an offset.
    package static func date(from text: String) -> Date? {
        text.withBytes { RFC3339.date(from: UnsafeRawBufferPointer($0)) }
    }

    /// Parses a time from UTF-8.
    package static func date(from text: UnsafeRawBufferPointer) -> Date? {
        RFC3339.date(from: text)
    }
}

extension Message {
    /// Creates a message by encoding an event as JSON.
    ///
    /// - Parameters:
    ///   - event: The event to encode.
    ///   - stamp: The id and the time of the message.
    /// - Throws: ``BusError`` with code `invalidMessage` when the event cannot be encoded or exceeds a limit.
    public init<E: Event>(_ event: E, stamp: Stamp = .next()) throws(BusError) {
        let body: [UInt8]
        do {
            body = [UInt8](try EventCoding.encoder.encode(event))
        } catch {
            throw BusError(.invalidMessage, "event of topic \(E.topic) cannot be encoded as JSON", cause: error)
        }
        self.init(
            id: stamp.id.description,
            topic: E.topic,
            version: E.version,
            source: E.source,
            time: stamp.time,
            orderingKey: event.orderingKey,
            requiresSubscriber: E.requiresSubscriber,
            body: body
        )
        try self.validate()
    }

    /// Decodes the event from the body.
    ///
    /// - Throws: ``BusError`` with code `undecodable` when the version is newer than the type's, or the body is not JSON of
    ///   the type's shape. The text names the field and the problem, but never contains a value.
    public func decode<E: Event>(_ type: E.Type = E.self) throws(BusError) -> E {
        guard self.version <= E.version else {
            throw BusError(
                .undecodable,
                "\(E.topic) has version \(self.version), this consumer reads up to version \(E.version)"
            )
        }
        do {
            return try EventCoding.decoder.decode(E.self, from: Data(self.body))
        } catch {
            throw BusError(.undecodable, "\(E.topic): \(DecodingFault(error))", cause: error)
        }
    }
}
