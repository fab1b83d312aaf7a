// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBusRabbit

@Suite("Table of delivery tags")
struct TagTableTests {
    @Test("Holds what a dictionary holds, whatever is removed and whatever stays", arguments: 0..<100 as Range<UInt64>)
    func dictionary(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = TagTable<UInt64>(capacity: Int(1 + random.next() % 8))
        var expected: [UInt64: UInt64] = [:]
        var next: UInt64 = 1
        for _ in 0..<500 {
            switch random.next() % 5 {
            case 0, 1:
                table.insert(next * 10, for: next)
                expected[next] = next * 10
                next += 1
            case 2:
                let tag = next - min(next, random.next() % 20)
                let changed = table.update(tag) { value in
                    value += 1
                    return value
                }
                expected[tag]? += 1
                #expect(changed == expected[tag])
            default:
                // New ones are removed more often than old ones.
                let tag = next - min(next, random.next() % (random.next() % 4 == 0 ? 100 : 6))
                #expect(table.remove(tag) == expected.removeValue(forKey: tag))
            }
            #expect(table.count == expected.count)
        }
        for tag in 0...next {
            #expect(table[tag] == expected[tag])
            #expect(table.contains(tag) == (expected[tag] != nil))
        }
        table.removeAll()
        #expect(table.count == 0)
        for tag in 0...next { #expect(table[tag] == nil) }
    }

    @Test("A value that stays while a million others come and go is still there")
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
