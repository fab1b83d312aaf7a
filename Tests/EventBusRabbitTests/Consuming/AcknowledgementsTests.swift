// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@testable import EventBusRabbit

@Suite("Acknowledgements")
struct AcknowledgementsTests {
    /// A state in which this many deliveries are out.
    private func state(_ count: UInt64) throws -> ConsumeState {
        var state = ConsumeState(try Subscription("s", patterns: ["a"], ordering: .perKey))
        for tag in 1...count { #expect(state.delivered(try .numbered(tag)) == .waits) }
        _ = state.next(isAwaited: true)
        return state
    }

    private func text(_ acknowledgements: [SettledTags.Acknowledgement]) -> [String] {
        acknowledgements.map { "\($0.tag)\($0.multiple ? " multiple" : "")" }
    }

    @Test(
        "As few acknowledgements as possible cover what is settled",
        arguments: [
            ([], []), ([1], ["1"]), ([2], ["2"]), ([1, 2, 3], ["3 multiple"]), ([3, 1, 2], ["3 multiple"]),
            ([1, 2, 4, 6], ["2 multiple", "4", "6"]), ([9, 0], []), ([2, 2], ["2"]),
        ] as [([UInt64], [String])]
    )
    func fewest(_ settled: [UInt64], _ expected: [String]) throws {
        var state = try self.state(6)
        for tag in settled { _ = state.settle(tag, needsCopy: false) }
        #expect(self.text(state.acknowledge()) == expected)
        #expect(self.text(state.acknowledge()) == [])
        #expect(state.acknowledging == .none)
    }

    @Test("A tag that is already acknowledged is never named again")
    func onlyUnacknowledged() throws {
        var state = try self.state(4)
        _ = state.settle(2, needsCopy: false)
        _ = state.settle(3, needsCopy: false)
        #expect(self.text(state.acknowledge()) == ["2", "3"])
        _ = state.settle(1, needsCopy: false)
        // 3 would cover 1, but it is already acknowledged.
        #expect(self.text(state.acknowledge()) == ["1"])
        _ = state.settle(4, needsCopy: false)
        #expect(self.text(state.acknowledge()) == ["4"])
    }

    @Test("Tags must arrive in order")
    func order() throws {
        var state = try self.state(2)
        #expect(state.delivered(try .numbered(4)) == .isUnexpected)
        #expect(state.delivered(try .numbered(3)) == .waits)
    }

    @Test("Random programs acknowledge each delivery once, and only those that are settled", arguments: 0..<50)
    func random(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var state = ConsumeState(try Subscription("s", patterns: ["a"], ordering: .perKey))
        var unacknowledged: Set<UInt64> = []
        var settled: Set<UInt64> = []
        var last: UInt64 = 0
        for _ in 0..<300 {
            switch random.next() % 4 {
            case 0, 1:
                last += 1
                #expect(state.delivered(try .numbered(last)) == .waits)
                _ = state.next(isAwaited: true)
                unacknowledged.insert(last)
            case 2:
                guard let tag = unacknowledged.randomElement(using: &random) else { continue }
                let isFirst = settled.insert(tag).inserted
                #expect((state.settle(tag, needsCopy: false) != nil) == isFirst)
            default:
                for acknowledgement in state.acknowledge() {
                    #expect(unacknowledged.contains(acknowledgement.tag))
                    let covered = unacknowledged.filter {
                        acknowledgement.multiple ? $0 <= acknowledgement.tag : $0 == acknowledgement.tag
                    }
                    #expect(covered.isSubset(of: settled))
                    unacknowledged.subtract(covered)
                }
                #expect(unacknowledged.isDisjoint(with: settled))
            }
        }
    }

    @Test("They are written at once when there are enough, and soon when there are some")
    func enough() throws {
        var state = ConsumeState(try Subscription("s", patterns: ["a"], prefetch: 16, ordering: .perKey))
        for tag in 1...8 as ClosedRange<UInt64> { _ = state.delivered(try .numbered(tag)) }
        _ = state.next(isAwaited: true)
        #expect(state.acknowledging == .none)
        _ = state.settle(1, needsCopy: false)
        // A quarter of the 9 that are left of prefetch is 2.
        #expect(state.acknowledging == .later(verdicts: 1))
        _ = state.settle(2, needsCopy: false)
        #expect(state.acknowledging == .now)
    }

    @Test("While a message waits in quarantine, the next verdict is not delayed")
    func urgent() throws {
        var state = ConsumeState(try Subscription("s", patterns: ["a"], prefetch: 100))
        #expect(state.next(isAwaited: true).text == "fetch")
        _ = state.fetched(nil)
        for tag in 1...2 as ClosedRange<UInt64> { _ = state.delivered(try .numbered(tag)) }
        #expect(state.next(isAwaited: true).text == "hand out 1 2")
        _ = state.settle(1, needsCopy: false)
        #expect(state.acknowledging == .later(verdicts: 23))
        state.quarantineHasMessages()
        #expect(state.acknowledging == .later(verdicts: 1))
    }
}
