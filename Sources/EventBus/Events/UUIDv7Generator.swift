// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Generates UUIDv7 (RFC 9562 §5.7) with the counter of §6.2 method 1: 48 bits of milliseconds, a 12-bit counter, 62 random bits.
package struct UUIDv7Generator: Sendable {
    private var lastMilliseconds: UInt64 = 0
    private var counter: UInt64 = 0

    package init() {}

    /// Returns the next id, which is greater than the previous one even if the clock has been set back meanwhile.
    ///
    /// The time that it contains can therefore be later than `milliseconds`.
    package mutating func next(milliseconds: UInt64, random: UInt64) -> Identifier {
        if milliseconds > self.lastMilliseconds {
            self.lastMilliseconds = milliseconds
            self.counter = 0
        } else if self.counter < 0xFFF {
            self.counter += 1
        } else {
            // The counter is exhausted: use the next millisecond, so that ids neither repeat nor decrease.
            self.lastMilliseconds += 1
            self.counter = 0
        }
        let high = (self.lastMilliseconds & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | self.counter
        let low = 0x8000_0000_0000_0000 | random >> 2
        return Identifier(high: high, low: low)
    }
}
