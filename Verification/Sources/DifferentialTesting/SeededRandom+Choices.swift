// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting

/// The choices of a random program.
extension SeededRandom {
    mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// Whether an event with a probability of `percent` happens.
    mutating func happens(_ percent: Int) -> Bool { self.roll(1...100) <= percent }

    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[self.roll(0...(choices.count - 1))] }
}
