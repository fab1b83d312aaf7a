// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBusRabbit

@Suite("Acknowledgements")
struct AcknowledgementsTests {
    private func acknowledgements(_ count: UInt64) -> Acknowledgements {
        var acknowledgements = Acknowledgements()
        for tag in 1...count { #expect(acknowledgements.delivered(tag) == true) }
        return acknowledgements
    }

    private func text(_ acks: [Acknowledgements.Ack]) -> [String] {
        acks.map { "\($0.tag)\($0.multiple ? " multiple" : "")" }
    }

    @Test(
        "As few acknowledgements as possible say what is settled",
        arguments: [
            ([], []), ([1], ["1"]), ([2], ["2"]), ([1, 2, 3], ["3 multiple"]), ([3, 1, 2], ["3 multiple"]),
            ([1, 2, 4, 6], ["2 multiple", "4", "6"]), ([9, 0], []), ([2, 2], ["2"]),
        ] as [([UInt64], [String])]
    )
    func flush(_ settled: [UInt64], _ expected: [String]) {
        var acknowledgements = self.acknowledgements(6)
        for tag in settled { acknowledgements.settle(tag) }
        #expect(self.text(acknowledgements.flush()) == expected)
        #expect(self.text(acknowledgements.flush()) == [])
        #expect(acknowledgements.settledCount == 0)
    }

    @Test("A tag that is acknowledged already is never named again")
    func onlyOutstanding() {
        var acknowledgements = self.acknowledgements(4)
        acknowledgements.settle(2)
        acknowledgements.settle(3)
        #expect(self.text(acknowledgements.flush()) == ["2", "3"])
        acknowledgements.settle(1)
        // 3 would cover 1, but it is not outstanding any more.
        #expect(self.text(acknowledgements.flush()) == ["1"])
        acknowledgements.settle(4)
        #expect(self.text(acknowledgements.flush()) == ["4"])
    }

    @Test("Tags have to come in order")
    func order() {
        var acknowledgements = self.acknowledgements(2)
        #expect(acknowledgements.delivered(4) == false)
        #expect(acknowledgements.delivered(3) == true)
    }

    @Test("Random programs acknowledge each delivery once and only what is outstanding", arguments: 0..<50)
    func random(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var acknowledgements = Acknowledgements()
        var outstanding: Set<UInt64> = []
        var settled: Set<UInt64> = []
        var last: UInt64 = 0
        for _ in 0..<300 {
            switch random.next() % 4 {
            case 0, 1:
                last += 1
                #expect(acknowledgements.delivered(last) == true)
                outstanding.insert(last)
            case 2:
                guard let tag = outstanding.randomElement(using: &random) else { continue }
                acknowledgements.settle(tag)
                settled.insert(tag)
            default:
                for ack in acknowledgements.flush() {
                    #expect(outstanding.contains(ack.tag))
                    let covered = outstanding.filter { ack.multiple ? $0 <= ack.tag : $0 == ack.tag }
                    #expect(covered.isSubset(of: settled))
                    outstanding.subtract(covered)
                }
                #expect(outstanding.isDisjoint(with: settled))
            }
        }
    }
}
