// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// The dead letters of one subscription, oldest first: a pure state machine.
struct DeadLetterShelf: Sendable {
    /// A dead letter and its number, which identifies it on the shelf.
    struct Item: Sendable {
        let number: UInt64
        let letter: DeadLetter
    }

    private var items: Deque<Item> = []
    private var lastNumber: UInt64 = 0

    var letters: [DeadLetter] { self.items.map(\.letter) }

    mutating func add(_ letter: DeadLetter) {
        self.lastNumber += 1
        self.items.append(Item(number: self.lastNumber, letter: letter))
    }

    func oldest(_ limit: Int) -> [Item] {
        Array(self.items.prefix(max(0, limit)))
    }

    /// Removes all dead letters; returns them, oldest first.
    mutating func removeAll() -> [DeadLetter] {
        defer { self.items = [] }
        return self.letters
    }

    /// Removes a dead letter; returns `nil` if another caller has already removed it.
    mutating func remove(_ number: UInt64) -> DeadLetter? {
        // Dead letters to be removed are usually near the front.
        self.items.firstIndex { $0.number == number }.map { self.items.remove(at: $0).letter }
    }
}
