// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Identifiers and stamps")
struct IdentifierTests {
    @Test func anIdentifierIsFormattedInLowerCase() {
        let identifier = Identifier(high: 0x0198_C3F0_7D1E_7A52, low: 0x8D4F_3F0B_6F3A_9C11)
        #expect(identifier.description == "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11")
        #expect(Identifier(high: 0, low: 0).description == "00000000-0000-0000-0000-000000000000")
        #expect(Identifier(high: .max, low: .max).description == "ffffffff-ffff-ffff-ffff-ffffffffffff")
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func aFormattedIdentifierCanBeParsed(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let identifier = Identifier(high: generator.next(), low: generator.next())
            #expect(Identifier(identifier.description) == identifier)
            #expect(Identifier(identifier.description.uppercased()) == identifier)
            // Foundation parses the text to the same UUID.
            #expect(UUID(uuidString: identifier.description)?.uuidString.lowercased() == identifier.description)
        }
    }

    @Test(arguments: [
        "", "0198c3f0", "0198c3f07d1e7a528d4f3f0b6f3a9c11", "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c1",
        "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c111", "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c1g",
        "0198c3f0_7d1e-7a52-8d4f-3f0b6f3a9c11", "-198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11",
        "0198c3f07-d1e-7a52-8d4f-3f0b6f3a9c11", "{0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c1}",
        " 0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11", "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11\n",
        "٠198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c1",
    ])
    func anyOtherTextIsNotAnIdentifier(text: String) {
        #expect(Identifier(text) == nil)
    }

    @Test func identifiersAreEncodedAsText() throws {
        let identifier = Identifier(high: 0x0198_C3F0_7D1E_7A52, low: 1)
        let json = try JSONEncoder().encode([identifier])
        #expect(String(decoding: json, as: UTF8.self) == #"["0198c3f0-7d1e-7a52-0000-000000000001"]"#)
        #expect(try JSONDecoder().decode([Identifier].self, from: json) == [identifier])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Identifier].self, from: Data(#"["no"]"#.utf8))
        }
    }

    @Test func identifiersAreOrderedByTheirBytes() {
        #expect(Identifier(high: 1, low: .max) < Identifier(high: 2, low: 0))
        #expect(Identifier(high: 1, low: 1) < Identifier(high: 1, low: 2))
        #expect(!(Identifier(high: 1, low: 1) < Identifier(high: 1, low: 1)))
    }

    @Test func generatedIdsContainTimeVersionAndVariant() {
        var generator = UUIDv7Generator()
        let id = generator.next(milliseconds: 0x0198_C3F0_7D1E, random: .max)
        #expect(id.description == "0198c3f0-7d1e-7000-bfff-ffffffffffff")
        #expect(
            generator.next(milliseconds: 0x0198_C3F0_7D1E, random: 0).description
                == "0198c3f0-7d1e-7001-8000-000000000000"
        )
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func generatedIdsIncreaseWhateverTheClockDoes(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var generator = UUIDv7Generator()
        var clock: UInt64 = 1_000_000
        var last = Identifier(high: 0, low: 0)
        for _ in 0..<20_000 {
            // The clock mostly stands still, so that the counter is exhausted, and sometimes goes back.
            switch Int.random(in: 0..<10_000, using: &random) {
            case 0..<4: clock += 1
            case 4..<6: clock -= 5
            default: break
            }
            let id = generator.next(milliseconds: clock, random: random.next())
            let isWellFormed = id.high >> 12 & 0xF == 7 && id.low >> 62 == 2 && id.high >> 16 >= clock
            guard isWellFormed, last < id else {
                Issue.record("\(id) at \(clock) follows \(last)")
                return
            }
            last = id
        }
    }

    @Test func systemStampsIncreaseAndContainTheTime() {
        let before = Date().addingTimeInterval(-0.001)
        let stamps = (0..<100).map { _ in Stamp.next() }
        #expect(zip(stamps, stamps.dropFirst()).allSatisfy { $0.id < $1.id && $0.time <= $1.time })
        #expect(stamps[0].time >= before)
        let milliseconds = stamps[0].time.timeIntervalSince1970 * 1000
        #expect(abs(milliseconds - milliseconds.rounded()) < 0.001)
        #expect(stamps[0].id.high >> 16 == UInt64(milliseconds.rounded()))
    }

    @Test func aReplacedSourceAppliesToTheBodyAndItsChildTasks() async {
        struct Fixed: StampSource {
            func next() -> Stamp { Stamp(id: Identifier(high: 1, low: 2), time: Date(timeIntervalSince1970: 3)) }
        }
        let stamps = await Stamp.withSource(Fixed()) {
            async let child = Stamp.next()
            return [Stamp.next(), await child]
        }
        #expect(stamps == [Fixed().next(), Fixed().next()])
        #expect(Stamp.next() != Fixed().next())
    }
}
