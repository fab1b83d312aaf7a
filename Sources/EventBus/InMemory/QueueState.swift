// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// One subscription's messages and consumers: what a quorum queue, its retry queues, its quarantine queue and its dead-letter queue
/// do on RabbitMQ, as a pure state machine.
struct QueueState: Sendable {
    typealias ConsumerID = UInt64

    /// A message in the subscription.
    struct Entry: Sendable {
        var message: Message
        var failures = Failures()
        var redrives = 0
        /// Returns from queues that the message has been in before it was moved to the quarantine queue.
        var returnsBefore = 0
        /// Returns to the queue that it is in now.
        var returnsHere = 0
    }

    enum Origin { case main, quarantine }

    struct Outstanding {
        let tag: UInt64
        let entry: Entry
        let origin: Origin
    }

    struct Consumer {
        let id: ConsumerID
        let prefetch: Int
        /// All that has been pushed to the consumer and is unsettled, in order of tag; the last `buffered` ones are not yet handed out.
        var outstanding: Deque<Outstanding> = []
        var buffered = 0
        var nextTag: UInt64 = 1
        var isStopped = false
        /// Whether it has not asked yet or was told to wait, and has not been woken since.
        var isWaiting = true

        var handedOut: Int { self.outstanding.count - self.buffered }
        /// A broker goes on pushing to a consumer that has stopped asking, until the consumer's scope ends.
        var hasRoom: Bool { self.outstanding.count < self.prefetch }
    }

    /// What a consumer that asks for deliveries is to do.
    enum Take {
        case deliveries([Delivery])
        case wait(until: Duration?)
        case stopped
        case detached
    }

    /// Picks one of the consumers with room, the first of which is next in turn.
    typealias Choice = @Sendable (_ consumers: [ConsumerID], _ message: Message) -> Int

    let ordering: Ordering
    /// Above this many messages publishers have to wait.
    private let capacity: Int
    private let choice: Choice?
    private(set) var main: Deque<Entry> = []
    private(set) var quarantined: Deque<Entry> = []
    private(set) var delayed: [(due: Duration, entry: Entry)] = []
    private(set) var consumers: [Consumer] = []
    private var turn = 0
    private var shelf = DeadLetterShelf()
    /// Whether a publisher has found no room and is to hear when there is some.
    private var isAwaited = false

    init(ordering: Ordering, capacity: Int = .max, choice: Choice? = nil) {
        self.ordering = ordering
        self.capacity = capacity
        self.choice = choice
    }

    var deadLetters: [DeadLetter] { self.shelf.letters }

    func oldestDeadLetters(_ limit: Int) -> [DeadLetterShelf.Item] { self.shelf.oldest(limit) }

    /// All messages that are not dead letters.
    private var count: Int {
        self.main.count + self.quarantined.count + self.delayed.count
            + self.consumers.reduce(0) { $0 + $1.outstanding.count }
    }

    // MARK: Room

    /// Whether a message may be added; if not, ``takeRoom()`` tells when that has changed.
    mutating func askForRoom() -> Bool {
        self.isAwaited = self.count >= self.capacity
        return !self.isAwaited
    }

    /// Whether there is room again that somebody has waited for; says so once.
    mutating func takeRoom() -> Bool {
        guard self.isAwaited, self.count < self.capacity else { return false }
        self.isAwaited = false
        return true
    }

    // MARK: Events. Each returns the consumers that may have something to take now.

    mutating func publish(_ messages: some Sequence<Message>) -> [ConsumerID] {
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
            case .quarantine: self.quarantined.prepend(entry)
            }
        }
        return self.push()
    }

    mutating func stop(_ id: ConsumerID) -> [ConsumerID] {
        guard let index = self.index(of: id) else { return [] }
        self.consumers[index].isStopped = true
        return [id]
    }

    /// A delivery has been handled: the message is gone.
    mutating func acknowledge(_ tag: UInt64, by id: ConsumerID) -> [ConsumerID] {
        guard let outstanding = self.remove(tag, of: id) else { return [] }
        return self.pushAfter(outstanding, of: id)
    }

    /// A delivery has to be tried again, or has become a dead letter.
    mutating func settle(
        _ tag: UInt64,
        by id: ConsumerID,
        _ verdict: Verdict,
        now: Duration,
        stamp: () -> Stamp
    ) -> [ConsumerID] {
        guard let outstanding = self.remove(tag, of: id) else { return [] }
        let isNextDue = self.carryOut(verdict, on: outstanding.entry, now: now, stamp: stamp)
        let woken = self.pushAfter(outstanding, of: id)
        // Whoever waits has to wait no longer than until then: the one that failed may be gone by that time.
        return isNextDue ? self.consumers.map(\.id) : woken
    }

    /// Carries out a verdict and leaves the delivery unsettled, as when a process dies between a copy and the acknowledgement.
    mutating func copy(
        _ tag: UInt64,
        by id: ConsumerID,
        _ verdict: Verdict,
        now: Duration,
        stamp: () -> Stamp
    ) -> [ConsumerID] {
        guard let index = self.index(of: id), let position = self.handedOut(tag, to: index) else { return [] }
        let entry = self.consumers[index].outstanding[position].entry
        return self.carryOut(verdict, on: entry, now: now, stamp: stamp) ? self.consumers.map(\.id) : []
    }

    /// Gives dead letters to the consumers again, oldest first, and takes others away.
    ///
    /// - Returns: how many were given: somebody else may have taken some.
    mutating func redrive(_ given: [UInt64], removing removed: [UInt64]) -> (count: Int, [ConsumerID]) {
        for number in removed { _ = self.shelf.remove(number) }
        let letters = given.compactMap { self.shelf.remove($0) }
        for letter in letters { self.main.append(Entry(message: letter.message, redrives: letter.redrives + 1)) }
        return (letters.count, self.push())
    }

    /// Gives dead letters again and leaves them where they are, as when a process dies before it removes them.
    mutating func copyDeadLetters(_ limit: Int) -> [ConsumerID] {
        for item in self.shelf.oldest(limit) {
            self.main.append(Entry(message: item.letter.message, redrives: item.letter.redrives + 1))
        }
        return self.push()
    }

    mutating func take(by id: ConsumerID, now: @autoclosure () -> Duration) -> (Take, wake: [ConsumerID]) {
        var wake = self.delayed.isEmpty ? [] : self.addDue(now())
        guard let index = self.index(of: id) else { return (.detached, wake) }
        guard !self.consumers[index].isStopped else { return (.stopped, wake) }
        let hadQuarantined = !self.quarantined.isEmpty
        let deliveries = self.handOut(to: index)
        // Others were held back only as long as something had to run alone.
        if hadQuarantined, self.quarantined.isEmpty { wake += self.consumers.filter { $0.buffered > 0 }.map(\.id) }
        if !deliveries.isEmpty { return (.deliveries(deliveries), wake) }
        self.consumers[index].isWaiting = true
        return (.wait(until: self.delayed.first?.due), wake)
    }

    // MARK: Steps

    private mutating func addDue(_ now: Duration) -> [ConsumerID] {
        let due = self.delayed.prefix { $0.due <= now }
        guard !due.isEmpty else { return [] }
        self.main.append(contentsOf: due.map(\.entry))
        self.delayed.removeFirst(due.count)
        return self.push()
    }

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
                self.quarantined.append(entry)
                continue
            }
            let tag = self.consumers[index].nextTag
            self.consumers[index].nextTag += 1
            self.consumers[index].outstanding.append(Outstanding(tag: tag, entry: entry, origin: .main))
            self.consumers[index].buffered += 1
            if self.consumers[index].isWaiting {
                self.consumers[index].isWaiting = false
                woken.append(self.consumers[index].id)
            }
        }
        // Whoever is idle may take what has to run alone.
        return self.quarantined.isEmpty ? woken : self.consumers.map(\.id)
    }

    /// The consumer that gets the first message: the one whose turn it is among those with room.
    private mutating func consumerWithRoom() -> Int? {
        if self.ordering == .perKey {
            return self.consumers.first?.hasRoom == true ? 0 : nil
        }
        if let choice = self.choice { return self.chosenConsumer(choice) }
        for step in 0..<self.consumers.count {
            let index = (self.turn + step) % self.consumers.count
            guard self.consumers[index].hasRoom else { continue }
            self.turn = index + 1
            return index
        }
        return nil
    }

    private mutating func chosenConsumer(_ choice: Choice) -> Int? {
        let inTurn = (0..<self.consumers.count)
            .map { (self.turn + $0) % self.consumers.count }
            .filter { self.consumers[$0].hasRoom }
        guard var index = inTurn.first else { return nil }
        let chosen = choice(inTurn.map { self.consumers[$0].id }, self.main[0].message)
        if inTurn.indices.contains(chosen) { index = inTurn[chosen] }
        self.turn = index + 1
        return index
    }

    /// Does what a verdict asks for, apart from forgetting the delivery; says whether a retry is due before all others.
    private mutating func carryOut(_ verdict: Verdict, on entry: Entry, now: Duration, stamp: () -> Stamp) -> Bool {
        switch verdict {
        case .done:
            return false
        case .retry(let delay, let failures):
            let due = now + RetryLadder.nearest(to: delay)
            let place = self.delayed.firstIndex { $0.due > due } ?? self.delayed.endIndex
            let copy = Entry(message: entry.message, failures: failures, redrives: entry.redrives)
            self.delayed.insert((due, copy), at: place)
            return place == self.delayed.startIndex
        case .deadLetter(let reason, let failures):
            self.shelf.add(
                DeadLetter(
                    message: entry.message,
                    reason: reason,
                    failures: failures,
                    deadAt: stamp().time,
                    redrives: entry.redrives
                )
            )
            return false
        }
    }

    private mutating func handOut(to index: Int) -> [Delivery] {
        if self.ordering == .none, !self.quarantined.isEmpty || self.hasQuarantinedOut(index) {
            return self.handOutAlone(to: index)
        }
        let id = self.consumers[index].id
        let fresh = self.consumers[index].outstanding.suffix(self.consumers[index].buffered)
        self.consumers[index].buffered = 0
        return fresh.map { QueueState.delivery($0, to: id) }
    }

    private func hasQuarantinedOut(_ index: Int) -> Bool {
        self.consumers[index].outstanding.contains { $0.origin == .quarantine }
    }

    private mutating func handOutAlone(to index: Int) -> [Delivery] {
        guard self.consumers[index].handedOut == 0, let entry = self.quarantined.popFirst() else { return [] }
        let outstanding = Outstanding(tag: self.consumers[index].nextTag, entry: entry, origin: .quarantine)
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
            returns: outstanding.entry.returnsBefore + outstanding.entry.returnsHere,
            redrives: outstanding.entry.redrives
        )
    }

    private mutating func remove(_ tag: UInt64, of id: ConsumerID) -> Outstanding? {
        guard let index = self.index(of: id), let position = self.handedOut(tag, to: index) else { return nil }
        return position == 0
            ? self.consumers[index].outstanding.removeFirst() : self.consumers[index].outstanding.remove(at: position)
    }

    private mutating func pushAfter(_ settled: Outstanding, of id: ConsumerID) -> [ConsumerID] {
        let woken = self.push()
        // What had to run alone has held back what had been pushed.
        return settled.origin == .quarantine ? woken + [id] : woken
    }

    private func handedOut(_ tag: UInt64, to index: Int) -> Int? {
        let handedOut = self.consumers[index].handedOut
        guard handedOut > 0 else { return nil }
        // Mostly they are settled in order.
        if self.consumers[index].outstanding[0].tag == tag { return 0 }
        return self.consumers[index].outstanding.prefix(handedOut).firstIndex { $0.tag == tag }
    }
}
