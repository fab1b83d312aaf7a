// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

extension QueueState {
    /// Takes out all messages, which belong into the shards of the subscription.
    mutating func takeMain() -> Deque<Entry> {
        defer { self.main = [] }
        return self.main
    }

    /// Takes out the dead letters of a shard, which belong to its subscription.
    mutating func takeDeadLetters() -> [DeadLetter] { self.shelf.removeAll() }

    /// Keeps dead letters of a shard; no consumer has to be woken.
    mutating func bury(_ letters: [DeadLetter]) -> [ConsumerID] {
        for letter in letters { self.shelf.add(letter) }
        return []
    }
}

extension QueueEntry {
    /// The shard to which the message belongs, counted from 0: the same for all messages of an ordering key.
    func shard(of count: Int) -> Int {
        // Messages without a key are all in the first shard, as on RabbitMQ.
        self.message.orderingKey.map { OrderingBucket.of($0) % count } ?? 0
    }
}
