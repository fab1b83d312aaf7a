// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@testable import EventBusRabbit

@Suite("The bytes of unsettled deliveries")
struct HeldBytesTests {
    @Test("Bodies take room until their deliveries are settled or copied, and one is always possible")
    func bytes() throws {
        var state = ConsumeState(
            try Subscription("s", patterns: ["a"], prefetch: 3, prefetchBytes: 10, ordering: .perKey)
        )
        #expect(state.mayRead && state.hasRoom)
        #expect(state.delivered(try .numbered(1, bytes: 100)) == .waits)
        #expect(!state.mayRead && !state.hasRoom)
        // One that was on its way.
        #expect(state.delivered(try .numbered(2, bytes: 9)) == .waits)
        #expect(state.next(isAwaited: true).text == "hand out 1 2")
        _ = state.settle(1, needsCopy: true)
        #expect(!state.mayRead)
        state.copied(1)
        #expect(state.mayRead && state.hasRoom)
        #expect(state.delivered(try .numbered(3, bytes: 1)) == .waits)
        #expect(!state.mayRead)
        _ = state.next(isAwaited: true)
        _ = state.settle(3, needsCopy: false)
        #expect(state.mayRead)
        // The broker does not know yet that two are settled.
        #expect(!state.hasRoom)
        _ = state.acknowledge()
        #expect(state.hasRoom)
        state.fail()
        #expect(state.mayRead)
    }

    @Test("At the end of the scope everything is read, since nothing is settled any more that would make room")
    func bytesAtTheEnd() throws {
        var state = ConsumeState(try Subscription("s", patterns: ["a"], prefetchBytes: 10, ordering: .perKey))
        #expect(state.delivered(try .numbered(1, bytes: 100)) == .waits)
        #expect(!state.mayRead)
        state.end()
        #expect(state.mayRead)
    }

    @Test("However many bodies come, those that are held never exceed the limit by more than one")
    func boundedBytes() throws {
        let limit = 1000
        var random = SeededRandom(seed: 1)
        var state = ConsumeState(
            try Subscription("s", patterns: ["a"], prefetch: 2000, prefetchBytes: limit, ordering: .perKey)
        )
        var sizes: [UInt64: Int] = [:]
        var tag: UInt64 = 0
        for _ in 0..<5000 {
            if state.mayRead {
                tag += 1
                sizes[tag] = Int.random(in: 0...400, using: &random)
                #expect(state.delivered(try .numbered(tag, bytes: sizes[tag] ?? 0)) == .waits)
                _ = state.next(isAwaited: true)
            } else if let settled = sizes.keys.sorted().randomElement(using: &random) {
                _ = state.settle(settled, needsCopy: false)
                sizes[settled] = nil
            }
            let held = sizes.values.reduce(0, +)
            #expect(held < limit + 400)
            #expect(state.mayRead == (held < limit))
        }
    }
}
