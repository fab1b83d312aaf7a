// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// One subscription's messages and consumers: what a quorum queue, its retry queues, its solo queue and its dead-letter queue
/// do on RabbitMQ, as a pure state machine.
struct QueueState: Sendable {
    typealias ConsumerID = UInt64

    /// A message in the subscription.
    struct Entry: Sendable {
        var message: Message
        var failures = Failures()
        /// Returns from queues that the message has been in before it was moved to the solo queue.
        var returnsBefore = 0
        /// Returns to the queue that it is in now.
        var returnsHere = 0
    }

    private enum Origin { case main, solo }

    private struct Outstanding {
        let tag: UInt64
        let entry: Entry
        let origin: Origin
    }

    private struct Consumer {
        let id: ConsumerID
        let prefetch: Int
        /// All that has been pushed to the consumer and is unsettled, in order of tag; the last `buffered` ones are not yet handed out.
        var outstanding: Deque<Outstanding> = []
        var buffered = 0
        var nextTag: UInt64 = 1
        var isStopped = false

        var handedOut: Int { self.outstanding.count - self.buffered }
    }

    /// What a consumer that asks for deliveries is to do.
    enum Take {
        case deliveries([Delivery])
        case wait(until: Duration?)
        case stopped
        case detached
    }

    let ordering: Ordering
    private var main: Deque<Entry> = []
    private var solo: Deque<Entry> = []
    private var delayed: [(due: Duration, entry: Entry)] = []
    private var consumers: [Consumer] = []
    private var turn = 0
    private(set) var deadLetters: [DeadLetter] = []

    init(ordering: Ordering) {
        self.ordering = ordering
    }

    // MARK: Events. Each returns the consumers that may have something to take now.

    mutating func publish(_ messages: [Message]) -> [ConsumerID] {
        for message in messages { self.main.append(Entry(message: message)) }
        return self.push()
    }

    mutating func attach(_ id: ConsumerID, prefetch: Int) -> [ConsumerID] {
        self.consumers.append(Consumer(id: id, prefetch: prefetch))
        return self.push()
    }

    /// Ends a consumer's scope: what it has not settled goes back to the front, in its old order, and counts a return.
    mutating func detach(_ id: ConsumerID) -> [ConsumerID] {
        guard let index = self.index(of: id) else { return [] }
        let consumer = self.consumers.remove(at: index)
        for outstanding in consumer.outstanding.reversed() {
            var entry = outstanding.entry
            entry.returnsHere += 1
            switch outstanding.origin {
            case .main: self.main.prepend(entry)
            case .solo: self.solo.prepend(entry)
            }
        }
        return self.push()
    }

    mutating func stop(_ id: ConsumerID) -> [ConsumerID] {
        guard let index = self.index(of: id) else { return [] }
        self.consumers[index].isStopped = true
        return [id]
    }

    mutating func settle(
        _ tag: UInt64,
        by id: ConsumerID,
        _ verdict: Verdict,
        now: Duration,
        stamp: () -> Stamp
    ) -> [ConsumerID] {
        guard let index = self.index(of: id), let entry = self.removeHandedOut(tag, from: index) else { return [] }
        switch verdict {
        case .done:
            break
        case .retry(let delay, let failures):
            let due = now + RetryLadder.nearest(to: delay)
            let place = self.delayed.firstIndex { $0.due > due } ?? self.delayed.endIndex
            self.delayed.insert((due, Entry(message: entry.message, failures: failures)), at: place)
            // Whoever waits has to wait no longer than until then: the one that failed may be gone by that time.
            if place == self.delayed.startIndex { return self.push() + self.consumers.map(\.id) }
        case .deadLetter(let reason, let failures):
            self.deadLetters.append(
                DeadLetter(message: entry.message, reason: reason, failures: failures, deadAt: stamp().time)
            )
        }
        return self.push() + [id]
    }

    mutating func take(by id: ConsumerID, now: Duration) -> (Take, wake: [ConsumerID]) {
        var wake: [ConsumerID] = []
        if let first = self.delayed.first, first.due <= now {
            let due = self.delayed.prefix { $0.due <= now }
            self.main.append(contentsOf: due.map(\.entry))
            self.delayed.removeFirst(due.count)
            wake = self.push()
        }
        guard let index = self.index(of: id) else { return (.detached, wake) }
        guard !self.consumers[index].isStopped else { return (.stopped, wake) }
        let hadSolo = !self.solo.isEmpty
        let deliveries = self.handOut(to: index)
        // Others were held back only as long as something had to run alone.
        if hadSolo, self.solo.isEmpty { wake += self.consumers.filter { $0.buffered > 0 }.map(\.id) }
        if !deliveries.isEmpty { return (.deliveries(deliveries), wake) }
        return (.wait(until: self.delayed.first?.due), wake)
    }

    // MARK: Steps

    private func index(of id: ConsumerID) -> Int? {
        self.consumers.firstIndex { $0.id == id }
    }

    /// Pushes messages to consumers with room, in turn.
    ///
    /// What came back to an unordered subscription is moved aside instead,
    /// to be run alone; on RabbitMQ the consumer that receives it moves it.
    private mutating func push() -> [ConsumerID] {
        var woken: [ConsumerID] = []
        while !self.main.isEmpty, let index = self.consumerWithRoom() {
            var entry = self.main.removeFirst()
            if self.ordering == .none, entry.returnsHere > 0 {
                entry.returnsBefore += 1
                entry.returnsHere = 0
                self.solo.append(entry)
                continue
            }
            let tag = self.consumers[index].nextTag
            self.consumers[index].nextTag += 1
            self.consumers[index].outstanding.append(Outstanding(tag: tag, entry: entry, origin: .main))
            self.consumers[index].buffered += 1
            if woken.last != self.consumers[index].id { woken.append(self.consumers[index].id) }
        }
        // Whoever is idle may take what has to run alone.
        return self.solo.isEmpty ? woken : self.consumers.map(\.id)
    }

    private mutating func consumerWithRoom() -> Int? {
        if self.ordering == .perKey {
            guard let active = self.consumers.first, !active.isStopped else { return nil }
            return active.outstanding.count < active.prefetch ? 0 : nil
        }
        for step in 0..<self.consumers.count {
            let index = (self.turn + step) % self.consumers.count
            let consumer = self.consumers[index]
            if !consumer.isStopped, consumer.outstanding.count < consumer.prefetch {
                self.turn = index + 1
                return index
            }
        }
        return nil
    }

    private mutating func handOut(to index: Int) -> [Delivery] {
        if self.ordering == .none, !self.solo.isEmpty || self.hasSoloOut(index) {
            return self.handOutAlone(to: index)
        }
        let id = self.consumers[index].id
        let fresh = self.consumers[index].outstanding.suffix(self.consumers[index].buffered)
        self.consumers[index].buffered = 0
        return fresh.map { QueueState.delivery($0, to: id) }
    }

    private func hasSoloOut(_ index: Int) -> Bool {
        self.consumers[index].outstanding.contains { $0.origin == .solo }
    }

    private mutating func handOutAlone(to index: Int) -> [Delivery] {
        guard self.consumers[index].handedOut == 0, let entry = self.solo.popFirst() else { return [] }
        let outstanding = Outstanding(tag: self.consumers[index].nextTag, entry: entry, origin: .solo)
        self.consumers[index].nextTag += 1
        // Handed-out deliveries stand before buffered ones.
        self.consumers[index].outstanding.prepend(outstanding)
        return [QueueState.delivery(outstanding, to: self.consumers[index].id)]
    }

    private static func delivery(_ outstanding: Outstanding, to consumer: ConsumerID) -> Delivery {
        Delivery(
            id: Delivery.ID(generation: consumer, tag: outstanding.tag),
            message: outstanding.entry.message,
            failures: outstanding.entry.failures,
            returns: outstanding.entry.returnsBefore + outstanding.entry.returnsHere
        )
    }

    private mutating func removeHandedOut(_ tag: UInt64, from index: Int) -> Entry? {
        let handedOut = self.consumers[index].handedOut
        let position = self.consumers[index].outstanding.prefix(handedOut).firstIndex { $0.tag == tag }
        return position.map { self.consumers[index].outstanding.remove(at: $0).entry }
    }
}
