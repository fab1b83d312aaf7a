// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A 128-bit identifier that is formatted as a lower-case UUID, for example `0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11`.
///
/// Foundation's `UUID` formats itself in upper case, whereas ids in messages are lower case so that they compare equal as text
/// in every program.
public struct Identifier: Hashable, Sendable {
    /// The first eight bytes, most significant first.
    public let high: UInt64

    /// The last eight bytes, most significant first.
    public let low: UInt64

    /// Creates an identifier from its sixteen bytes, given as two big-endian halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Parses the 36-character form in either letter case; `nil` for any other text.
    public init?(_ text: some StringProtocol) {
        var halves: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var position = 0
        for byte in text.utf8 {
            defer { position += 1 }
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard digits < 32, let value = UInt8(hexadecimalDigit: byte).map(UInt64.init) else { return nil }
            if digits < 16 { halves.0 = halves.0 << 4 | value } else { halves.1 = halves.1 << 4 | value }
            digits += 1
        }
        guard position == 36, digits == 32 else { return nil }
        self.init(high: halves.0, low: halves.1)
    }
}

extension Identifier: CustomStringConvertible {
    /// The lower-case 36-character form.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let half = nibble < 16 ? self.high : self.low
                let value = UInt8(truncatingIfNeeded: half >> UInt64(60 - (nibble & 15) * 4)) & 0xF
                buffer[position] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                position += 1
            }
            return position
        }
    }
}

extension Identifier: Codable {
    /// Decodes the 36-character form.
    ///
    /// - Throws: `DecodingError.dataCorrupted` when the text is not a UUID.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let identifier = Identifier(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = identifier
    }

    /// Encodes the lower-case form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}

extension Identifier: Comparable {
    /// Compares the bytes; for ids of one ``StampSource`` this is the order in which they were created.
    public static func < (left: Identifier, right: Identifier) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
