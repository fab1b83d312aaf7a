// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Measuring

/// The patterns and topics that `Baselines/trie_keys.h` describes, so that both programs look up the same.
struct Keys {
    private(set) var patterns: [TopicPattern] = []
    private(set) var topics: [Topic] = []

    private static let names = ["area", "kind", "event"]
    private var random: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    private let sizes: [UInt64]

    init(patterns count: Int) throws {
        self.sizes = count <= 1000 ? [20, 50, 200] : [50, 200, 500]
        for _ in 0..<count { self.patterns.append(try TopicPattern(self.next(hasWildcards: true))) }
        for _ in 0..<100_000 { self.topics.append(try Topic(self.next(hasWildcards: false))) }
        let expected: [Int: UInt64] = [1000: 0x6A38_0BF2_7474_0A54, 100_000: 0x91DE_B512_7E22_257A]
        if let expected = expected[count], expected != self.digest {
            throw BenchmarkFailure("these are not the patterns and topics of the baseline")
        }
    }

    private mutating func next(hasWildcards: Bool) -> String {
        var words: [String] = []
        for position in 0..<3 {
            let chance = hasWildcards && position > 0 ? self.below(100) : 100
            words.append(chance < 10 ? "*" : chance < 17 ? "#" : self.word(position))
        }
        let key = words.joined(separator: ".")
        for byte in Array(key.utf8) + [UInt8(ascii: "\n")] {
            self.digest = (self.digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        return key
    }

    private mutating func word(_ position: Int) -> String {
        "\(Self.names[position])\(self.below(self.sizes[position]))"
    }

    /// xorshift64*.
    private mutating func below(_ bound: UInt64) -> UInt64 {
        self.random ^= self.random >> 12
        self.random ^= self.random << 25
        self.random ^= self.random >> 27
        return (((self.random &* 0x2545_F491_4F6C_DD1D) >> 32) * bound) >> 32
    }
}
