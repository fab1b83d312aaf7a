// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Random numbers determined by a seed: the same on every machine, in every process (SplitMix64).
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Creates the sequence of a seed.
    public init(seed: UInt64) {
        self.state = seed
    }

    /// Creates the sequence of a seed and a name, so that one part of a program can draw more without changing what others draw.
    public init(seed: UInt64, _ name: String) {
        // FNV-1a, since the standard library's hashes differ from process to process.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        self.init(seed: SeededRandom.mixed(seed ^ hash))
    }

    /// The next number.
    public mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        return SeededRandom.mixed(self.state)
    }

    /// The next number, reduced to 0 up to but not including `bound`, which must be at least 1.
    public mutating func below(_ bound: Int) -> Int {
        require(bound >= 1, "bound is \(bound), must be at least 1")
        return Int(truncatingIfNeeded: self.next() % UInt64(bound))
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
