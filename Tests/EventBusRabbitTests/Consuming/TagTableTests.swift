// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBusRabbit

@Suite("Tables of delivery tags")
struct TagTableTests {
    @Test("Says what a dictionary says, whatever stays and whatever goes", arguments: 0..<100 as Range<UInt64>)
    func dictionary(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = TagTable<UInt64>(capacity: Int(1 + random.next() % 8))
        var expected: [UInt64: UInt64] = [:]
        var next: UInt64 = 1
        for _ in 0..<500 {
            if random.next() % 2 == 0 {
                table.insert(next * 10, for: next)
                expected[next] = next * 10
                next += 1
            } else {
                // Those that came last go more often than the old ones.
                let tag = next - min(next, random.next() % (random.next() % 4 == 0 ? 100 : 6))
                #expect(table.remove(tag) == expected.removeValue(forKey: tag))
            }
            #expect(table.count == expected.count)
            #expect(table.isEmpty == expected.isEmpty)
        }
        for tag in 0...next { #expect(table[tag] == expected[tag]) }
        table.removeAll()
        #expect(table.isEmpty)
        for tag in 0...next { #expect(table[tag] == nil) }
    }

    @Test("A value that stays for a million others is still there")
    func stuck() {
        var table = TagTable<String>(capacity: 4)
        table.insert("stuck", for: 1)
        for tag in UInt64(2)...1_000_000 {
            table.insert("other", for: tag)
            table.remove(tag)
        }
        #expect(table.count == 1)
        #expect(table.remove(1) == "stuck")
    }
}
