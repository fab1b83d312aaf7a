// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What makes an event the same event wherever it appears: its source and its id (CloudEvents 1.0 §3.1.1).
///
/// Both are compared byte for byte. Two producers may use the same id, and `String` would equate canonically equivalent texts.
public struct EventIdentity: Sendable {
    /// The context in which the event happened; the topic if the producer has given no source.
    public let source: String
    /// The producer's id, unique within the source.
    public let id: String

    /// Creates an identity.
    public init(source: String, id: String) {
        self.source = source
        self.id = id
    }
}

extension EventIdentity: Hashable {
    /// Returns whether source and id have the same bytes.
    public static func == (left: EventIdentity, right: EventIdentity) -> Bool {
        left.id.hasSameBytes(as: right.id) && left.source.hasSameBytes(as: right.source)
    }

    /// Feeds the bytes of source and id into a hasher.
    public func hash(into hasher: inout Hasher) {
        for text in [self.id, self.source] {
            text.withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            // Separates the two, since UTF-8 has no such byte.
            hasher.combine(UInt8.max)
        }
    }
}

extension EventIdentity: Comparable {
    /// Orders identities by the bytes of their ids, then of their sources.
    public static func < (left: EventIdentity, right: EventIdentity) -> Bool {
        if !left.id.hasSameBytes(as: right.id) { return left.id.utf8.lexicographicallyPrecedes(right.id.utf8) }
        return left.source.utf8.lexicographicallyPrecedes(right.source.utf8)
    }
}

extension EventIdentity: CustomStringConvertible {
    /// The source and the id.
    public var description: String { "\(self.id) of \(self.source)" }
}

extension Message {
    /// What identifies the event: ``source`` and ``id``.
    ///
    /// Of a message without a source, as only other programs publish it, the topic takes the place of the source.
    public var identity: EventIdentity {
        EventIdentity(source: self.source.isEmpty ? self.topic.name : self.source, id: self.id)
    }
}
