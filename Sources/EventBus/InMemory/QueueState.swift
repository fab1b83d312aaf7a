// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// The messages and consumers of one subscription, as a pure state machine.
///
/// It does what a quorum queue with its retry queues, quarantine queue and dead-letter queue does on RabbitMQ.
struct QueueState: Sendable {
    typealias ConsumerID = QueueConsumer.ID
    typealias Entry = QueueEntry

    /// The answer to a consumer that asks for deliveries.
    enum Take {
        case deliveries([Delivery])
        case wait(until: Duration?)
        case stopped
        case detached
    }

    /// What waits in a subscription: messages in order, then retries; and dead letters.
    struct Waiting {
        let entries: Deque<Entry>
        let letters: [DeadLetter]

        var count: Int { self.entries.count + self.letters.count }
    }

    /// Picks one of the consumers with room by index; the first one is next in turn.
    typealias Choice = @Sendable (_ consumers: [ConsumerID], _ message: Message) -> Int

    let ordering: Ordering
    /// The number of messages from which publishers have to wait.
    private let capacity: Int
    private let choice: Choice?
    var main: Deque<Entry> = []
    private(set) var quarantined: Deque<Entry> = []
    private(set) var delayed: [(due: Duration, entry: Entry)] = []
    private(set) var consumers: [QueueConsumer] = []
    private var turn = 0
    /// Whether a consumer's bytes have ever held back deliveries.
    private var hasHeldBack = false
    var shelf = DeadLetterShelf()
    /// Whether a publisher found no room and has to be notified when there is some.
    private var isAwaited = false

    init(ordering: Ordering, capacity: Int = .max, choice: Choice? = nil) {
        self.ordering = ordering
        self.capacity = capacity
        self.choice = choice
    }

    var deadLetters: [DeadLetter] { self.shelf.letters }
    func oldestDeadLetters(_ limit: Int) -> [DeadLetterShelf.Item] { self.shelf.oldest(limit) }

    /// The number of messages, not counting dead letters.
    private var count: Int {
        self.main.count + self.quarantined.count + self.delayed.count
            + self.consumers.reduce(0) { $0 + $1.outstanding.count }
    }

    // MARK: Room

    /// Returns whether there is room for a message; if not, ``takeRoom()`` returns `true` once there is.
    mutating func askForRoom() -> Bool {
        self.isAwaited = self.count >= self.capacity
        return !self.isAwaited
    }

    /// Returns whether there is room again for a waiting publisher; returns `true` only once per wait.
    mutating func takeRoom() -> Bool {
        guard self.isAwaited, self.count < self.capacity else { return false }
        self.isAwaited = false
        return true
    }

    // MARK: Events. Each returns the consumers to wake.

    mutating func publish(_ messages: some Sequence<Message>) -> [ConsumerID] {
        for message in messages { self.main.append(Entry(message: message)) }
        return self.push()
    }

    mutating func attach(_ id: ConsumerID, prefetch: Int, bytes: Int = .max) -> [ConsumerID] {
        self.consumers.append(QueueConsumer(id: id, prefetch: prefetch, prefetchBytes: bytes))
        return self.push()
    }

    /// Ends a consumer's scope: its unsettled messages go back to the front in their old order, and each counts one return.
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
        guard self.ordering == .none else { return [id] }
        for entry in self.consumers[index].takeBuffered() { self.main.append(entry.copied) }
        return [id] + self.push()
    }

    /// Gives back deliveries that were not started; they go to the back of the queue, as their copies do on RabbitMQ.
    mutating func giveBack(_ tags: [UInt64], by id: ConsumerID) -> [ConsumerID] {
        guard self.ordering == .none, let index = self.index(of: id) else { return [] }
        for tag in tags {
            guard let outstanding = self.consumers[index].handedOut(tag) else { continue }
            _ = self.consumers[index].remove(tag)
            switch outstanding.origin {
            case .main: self.main.append(outstanding.entry.copied)
            case .quarantine: self.quarantined.append(outstanding.entry.copied)
            }
        }
        return self.hasHeldBack ? self.push() + [id] : self.push()
    }

    /// Removes the message of a delivery that was handled.
    mutating func acknowledge(_ tag: UInt64, by id: ConsumerID) -> [ConsumerID] {
        guard let index = self.index(of: id), let origin = self.consumers[index].remove(tag) else { return [] }
        return self.pushAfter(origin, of: id)
    }

    /// Settles a delivery with any verdict.
    ///
    /// - Parameter staysUnsettled: stores the copy that the verdict requires but keeps the delivery, as when a process crashes before
    ///   it acknowledges.
    mutating func settle(
        _ tag: UInt64,
        by id: ConsumerID,
        _ verdict: Verdict,
        now: Duration,
        stamp: () -> Stamp,
        staysUnsettled: Bool = false
    ) -> [ConsumerID] {
        guard let index = self.index(of: id), let outstanding = self.consumers[index].handedOut(tag) else { return [] }
        let isNextDue = self.carryOut(verdict, on: outstanding.entry, now: now, stamp: stamp)
        if !staysUnsettled { _ = self.consumers[index].remove(tag) }
        let woken = staysUnsettled ? [] : self.pushAfter(outstanding.origin, of: id)
        // Every consumer must wake up by then, because the one that failed may have left.
        return isNextDue ? self.consumers.map(\.id) : woken
    }

    /// Redrives dead letters, oldest first, and removes others.
    ///
    /// - Returns: how many were redriven; another caller may have removed some.
    mutating func redrive(_ given: [UInt64], removing removed: [UInt64]) -> (count: Int, [ConsumerID]) {
        for number in removed { _ = self.shelf.remove(number) }
        let letters = given.compactMap { self.shelf.remove($0) }
        for letter in letters { self.main.append(Entry(message: letter.message, redrives: letter.redrives + 1)) }
        return (letters.count, self.push())
    }

    /// Takes out everything that waits, and the dead letters; what consumers hold stays.
    mutating func takeWaiting() -> (Waiting, wake: [ConsumerID]) {
        let entries = self.quarantined + self.main + self.delayed.map(\.entry)
        let moved = Deque(entries.map { $0.moved(from: self.ordering) })
        let waiting = Waiting(entries: moved, letters: self.shelf.removeAll())
        (self.main, self.quarantined, self.delayed) = ([], [], [])
        // The quarantine may have held them back.
        return (waiting, self.consumers.map(\.id))
    }

    mutating func add(_ moved: Waiting) -> [ConsumerID] {
        self.main.append(contentsOf: moved.entries)
        for letter in moved.letters { self.shelf.add(letter) }
        return self.push()
    }

    /// Redrives dead letters without removing them, as when a process crashes in the middle of a redrive.
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
        // The quarantine has held back the other consumers until now.
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

    /// Assigns messages to consumers with room, in turn.
    ///
    /// A message that came back to an unordered subscription twice is moved to quarantine instead. On RabbitMQ the consumer that
    /// receives it does this.
    private mutating func push() -> [ConsumerID] {
        var woken: [ConsumerID] = []
        while !self.main.isEmpty, let index = self.consumerWithRoom() {
            let entry = self.main.removeFirst()
            if self.ordering == .none, entry.returns >= Delivery.suspiciousReturns {
                self.quarantined.append(entry.copied)
                continue
            }
            if self.consumers[index].push(entry) { woken.append(self.consumers[index].id) }
        }
        // Any idle consumer may take a quarantined message.
        return self.quarantined.isEmpty ? woken : self.consumers.map(\.id)
    }

    /// The consumer that gets the next message: of those with room, the one whose turn it is.
    private mutating func consumerWithRoom() -> Int? {
        if self.ordering == .perKey {
            return self.consumers.first?.hasRoom == true ? 0 : nil
        }
        if let choice = self.choice { return self.chosenConsumer(choice) }
        for step in 0..<self.consumers.count {
            let index = (self.turn + step) % self.consumers.count
            guard self.consumers[index].takesMore else { continue }
            self.turn = index + 1
            return index
        }
        return nil
    }

    private mutating func chosenConsumer(_ choice: Choice) -> Int? {
        let inTurn = (0..<self.consumers.count)
            .map { (self.turn + $0) % self.consumers.count }
            .filter { self.consumers[$0].takesMore }
        guard var index = inTurn.first else { return nil }
        let chosen = choice(inTurn.map { self.consumers[$0].id }, self.main[0].message)
        if inTurn.indices.contains(chosen) { index = inTurn[chosen] }
        self.turn = index + 1
        return index
    }

    /// Carries out a verdict, except for removing the delivery; returns whether it added a retry that is due before all others.
    private mutating func carryOut(_ verdict: Verdict, on entry: Entry, now: Duration, stamp: () -> Stamp) -> Bool {
        switch verdict {
        case .done:
            return false
        case .retry(let delay, let failures):
            let due = now + delay
            let place = self.delayed.firstIndex { $0.due > due } ?? self.delayed.endIndex
            let copy = Entry(message: entry.message, failures: failures.kept, redrives: entry.redrives)
            self.delayed.insert((due, copy), at: place)
            return place == self.delayed.startIndex
        case .deadLetter(let reason, let failures):
            self.shelf.add(
                DeadLetter(
                    message: entry.message,
                    reason: reason.prefix(ofBytes: DeadLetter.maximumReasonBytes),
                    failures: failures.kept,
                    deadAt: stamp().time,
                    redrives: entry.redrives
                )
            )
            return false
        }
    }

    private mutating func handOut(to index: Int) -> [Delivery] {
        guard self.ordering == .none, !self.quarantined.isEmpty || self.consumers[index].hasQuarantined else {
            defer { if self.consumers[index].isHeldBack { self.hasHeldBack = true } }
            return self.consumers[index].handOutBuffered()
        }
        guard self.consumers[index].handedOut == 0, let entry = self.quarantined.popFirst() else { return [] }
        return [self.consumers[index].handOut(quarantined: entry)]
    }

    /// - Parameter origin: of the delivery that was settled.
    private mutating func pushAfter(_ origin: QueueConsumer.Origin, of id: ConsumerID) -> [ConsumerID] {
        // It may have held back what the consumer has not been handed yet: because it was quarantined, or by its bytes.
        guard origin == .quarantine || self.hasHeldBack else { return self.push() }
        let woken = self.push()
        return woken.contains(id) ? woken : woken + [id]
    }
}
