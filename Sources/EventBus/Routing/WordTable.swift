// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Assigns numbers to the words of patterns, starting from 0, with a hash table over their bytes.
struct WordTable: Sendable {
    private struct Word: Sendable {
        let hash: UInt64
        let start: Int
        let count: Int
    }

    private var words: [Word] = []
    private var bytes: [UInt8] = []
    /// The numbers plus one, zero in a free slot; the count is a power of two and at least twice that of the words.
    private var slots: [UInt32] = Array(repeating: 0, count: 16)

    /// The number of a word; `nil` if it occurs in no pattern.
    func number(of word: UnsafeBufferPointer<UInt8>) -> UInt32? {
        let hash = word.hash64
        var slot = self.slot(of: hash)
        while self.slots[slot] != 0 {
            let number = self.slots[slot] - 1
            if self.words[Int(number)].hash == hash, self.isEqual(self.words[Int(number)], word) { return number }
            slot = (slot + 1) & (self.slots.count - 1)
        }
        return nil
    }

    /// The number of a word, which is assigned if it has none.
    mutating func add(_ word: String) -> UInt32 {
        word.withBytes { bytes in
            if let number = self.number(of: bytes) { return number }
            self.words.append(Word(hash: bytes.hash64, start: self.bytes.count, count: bytes.count))
            self.bytes.append(contentsOf: bytes)
            if self.words.count * 2 > self.slots.count {
                self.slots = Array(repeating: 0, count: self.slots.count * 2)
                for number in self.words.indices { self.place(number) }
            } else {
                self.place(self.words.count - 1)
            }
            return UInt32(self.words.count - 1)
        }
    }

    private mutating func place(_ number: Int) {
        var slot = self.slot(of: self.words[number].hash)
        while self.slots[slot] != 0 { slot = (slot + 1) & (self.slots.count - 1) }
        self.slots[slot] = UInt32(number + 1)
    }

    private func slot(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (self.slots.count - 1) }

    private func isEqual(_ known: Word, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
        self.bytes.withUnsafeBufferPointer { bytes in
            UnsafeBufferPointer(rebasing: bytes[known.start..<known.start + known.count]).hasSameBytes(as: word)
        }
    }
}
