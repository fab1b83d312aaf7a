// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What has become of each delivery of an open subscription, and what to do next: a pure state machine.
///
/// A delivery waits, is handed out and gets a verdict. It is settled at once, or after its copy in another queue has been confirmed,
/// and then acknowledged together with others. A message that came back twice without a verdict is not handed out: it is moved to the
/// quarantine queue by a copy, and fetched from there when nothing else is out.
///
/// A delivery that is given back is copied to the end of its queue, since a rejected one would count a return. After a stop this
/// waits until the broker has ended the consumer, to which it would deliver the copies again.
struct ConsumeState {
    enum Arrival: Hashable {
        /// It can be handed out; see ``next(isAwaited:)``.
        case waits
        /// It may have crashed a process: copy it to the quarantine queue.
        case moves
        /// It stays unacknowledged and returns to the queue with all others when the scope ends.
        case stays
        /// The broker has skipped or repeated a delivery tag.
        case isUnexpected
    }

    enum Action {
        case none
        case handOut([IncomingMessage])
        /// Fetch one message from the quarantine queue.
        case fetch
    }

    enum Acknowledging: Hashable {
        case none
        /// Soon, together with later ones; at once when this many more verdicts are given.
        case later(verdicts: Int)
        case now
    }

    private enum Progress: Hashable {
        case waiting
        /// Handed out, as the delivery with this number in the order of handing out.
        case out(number: Int)
        case givenBack
        case copying
        case moving
    }

    /// The consumer as the broker sees it.
    private enum Consumer {
        case active
        case ending
        case ended
    }

    private struct Entry {
        let message: IncomingMessage
        var stage: Progress

        /// Whether it comes from the quarantine queue.
        var isAlone: Bool { self.message.origin == .fetched }

        /// Whether it is out and among the first deliveries that the consumer has received.
        func isOut(_ received: Int) -> Bool {
            guard case .out(let number) = self.stage else { return false }
            return number <= received
        }
    }

    private let prefetch: Int
    private let prefetchBytes: Int
    /// Whether the subscription is unordered: messages can be isolated and given back.
    private let hasQuarantine: Bool
    /// The deliveries that are not settled.
    private var deliveries: TagTable<Entry>
    /// The bytes of their bodies.
    private var bytes = 0
    private var gate = QuarantineGate()
    /// How many messages from the quarantine queue have a verdict, and a copy that is not confirmed.
    private var fetchedCopies = 0
    /// The last delivery that has arrived.
    private(set) var lastTag: UInt64 = 0
    private var handedOut = 0
    private var settled = SettledTags()
    /// The deliveries that are given back and have no copy yet.
    private var givenBack: [UInt64] = []
    private var consumer = Consumer.active
    private var isEnding = false

    /// - Parameter hasQuarantined: whether an earlier instance may have left something in quarantine, which comes first.
    init(_ subscription: Subscription, hasQuarantined: Bool = true) {
        self.prefetch = subscription.prefetch
        self.prefetchBytes = subscription.prefetchBytes
        self.hasQuarantine = subscription.ordering == .none
        self.deliveries = TagTable(capacity: subscription.prefetch)
        if self.hasQuarantine, hasQuarantined { self.gate.quarantineHasMessages() }
    }

    /// Whether nothing new is handed out any more.
    var isStopped: Bool { self.gate.isStopped }

    /// Whether another instance may put messages into quarantine that this one could handle.
    var watchesQuarantine: Bool { self.hasQuarantine && !self.gate.isStopped }

    /// Whether no message is known to wait in quarantine.
    var isOpen: Bool { self.gate.isOpen }

    /// Whether more bodies may be held, or nothing is settled any more that would make room for them.
    var mayRead: Bool { self.bytes < self.prefetchBytes || self.isEnding }

    /// Whether one more message may be fetched from the quarantine queue, for which the broker does not heed the prefetch.
    private var mayFetch: Bool { self.fetchedCopies == 0 || (self.fetchedCopies < self.prefetch && self.mayRead) }

    /// Whether the broker could deliver something.
    var hasRoom: Bool { self.mayRead && self.deliveries.count + self.settled.count < self.prefetch }

    // MARK: What happens

    /// The broker has delivered a message.
    mutating func delivered(_ message: IncomingMessage) -> Arrival {
        let isSuspect = self.hasQuarantine && message.isSuspect
        guard self.hold(message, isSuspect && !self.isEnding ? .moving : .waiting) else { return .isUnexpected }
        guard isSuspect else {
            self.gate.arrived(message.tag)
            return .waits
        }
        guard !self.isEnding else { return .stays }
        self.gate.moveBegan()
        return .moves
    }

    /// The quarantine queue has answered, with a message that is handed out alone now or because it is empty.
    ///
    /// - Returns: `false` if the message's delivery tag is unexpected.
    mutating func fetched(_ message: IncomingMessage?) -> Bool {
        if let message {
            guard self.hold(message, .out(number: self.handedOut + 1)) else { return false }
            self.handedOut += 1
        }
        self.gate.fetched(message != nil)
        return true
    }

    /// The quarantine queue has messages.
    mutating func quarantineHasMessages() {
        self.gate.quarantineHasMessages()
    }

    /// A delivery has its verdict.
    ///
    /// - Parameter returned: how many deliveries the consumer had received by then; it cannot settle any other.
    /// - Returns: the message; `nil` when the delivery is not out or already has a verdict.
    mutating func settle(_ tag: UInt64, needsCopy: Bool, returned: Int = .max) -> IncomingMessage? {
        guard let entry = self.deliveries[tag], entry.isOut(returned) else { return nil }
        self.gate.settled()
        if needsCopy {
            if entry.isAlone { self.fetchedCopies += 1 }
            self.deliveries.update(tag) { $0.stage = .copying }
        } else {
            self.forget(tag)
        }
        return entry.message
    }

    /// The copy of a delivery has been confirmed.
    mutating func copied(_ tag: UInt64) {
        guard let entry = self.deliveries[tag] else { return }
        switch entry.stage {
        case .moving: self.gate.moveEnded()
        case .copying: if entry.isAlone { self.fetchedCopies -= 1 }
        default: return
        }
        self.forget(tag)
    }

    /// A delivery is given back without a verdict; see ``takeGivenBack()``.
    ///
    /// Has no effect when the delivery is not out or already has a verdict, and on an ordered subscription.
    mutating func giveBack(_ tag: UInt64, returned: Int) {
        guard self.hasQuarantine, let entry = self.deliveries[tag], entry.isOut(returned) else { return }
        self.gate.settled()
        if entry.isAlone { self.gate.moveBegan() }
        self.deliveries.update(tag) { $0.stage = .givenBack }
        self.givenBack.append(tag)
    }

    /// Nothing new is handed out from now on.
    ///
    /// - Returns: whether the broker has to end the consumer. It must not on an ordered subscription, whose next consumer would
    ///   overtake what is out here.
    mutating func stop() -> Bool {
        self.gate.stop()
        guard self.hasQuarantine, self.consumer == .active else { return false }
        self.consumer = .ending
        return true
    }

    /// The broker has ended the consumer after a stop.
    mutating func consumerEnded() {
        self.consumer = .ended
    }

    /// Whether what is copied to the subscription's own queue is for others now.
    var isLeaving: Bool { self.isStopped && self.consumer != .ending }

    /// Whether deliveries are given back that have no copy yet, or may be.
    var isGivingBack: Bool { self.consumer == .ending || !self.givenBack.isEmpty }

    /// The messages that are to be copied to the end of the queue that each came from.
    mutating func takeGivenBack() -> [IncomingMessage] {
        guard self.consumer != .ending else { return [] }
        if self.consumer == .ended { self.givenBack += self.gate.takeWaiting() }
        defer { self.givenBack = [] }
        return self.givenBack.compactMap { tag in
            self.deliveries.update(tag) { entry in
                entry.stage = entry.isAlone ? .moving : .copying
                return entry.message
            }
        }
    }

    /// The scope ends: redelivered messages that arrive now are not moved any more.
    mutating func end() {
        self.isEnding = true
        self.gate.stop()
    }

    /// The channel is gone, and with it everything that was not acknowledged.
    mutating func fail() {
        self.deliveries.removeAll()
        self.settled.removeAll()
        self.bytes = 0
    }

    // MARK: What to do

    /// - Parameter isAwaited: whether a task waits for a delivery.
    mutating func next(isAwaited: @autoclosure () -> Bool) -> Action {
        let mayFetch = self.mayFetch
        switch self.gate.next(isAwaited: mayFetch && isAwaited()) {
        case .none:
            return .none
        case .handOut(let tags):
            return .handOut(tags.compactMap { self.handOut($0) })
        case .fetch:
            return .fetch
        }
    }

    /// When to write acknowledgements.
    ///
    /// Each is a command in the log of a quorum queue, which publishers wait for as well; the broker continues to send until
    /// `prefetch` is reached. When deliveries that stay long leave little of `prefetch`, fewer are enough for a write.
    var acknowledging: Acknowledging {
        let enough = max(1, min(200, (self.prefetch - self.deliveries.count) / 4))
        if self.settled.count >= enough { return .now }
        if self.settled.count == 0 { return .none }
        // While a message waits in quarantine, the verdict that makes room for it must not be delayed.
        return .later(verdicts: self.gate.isOpen ? enough - self.settled.count : 1)
    }

    /// All acknowledgements that can be written, as few as possible.
    mutating func acknowledge() -> [SettledTags.Acknowledgement] {
        self.settled.take(last: self.lastTag) { self.deliveries.contains($0) }
    }

    /// Enters a delivery; tags rise by one.
    private mutating func hold(_ message: IncomingMessage, _ stage: Progress) -> Bool {
        guard message.tag == self.lastTag + 1 else { return false }
        self.lastTag = message.tag
        self.deliveries.insert(Entry(message: message, stage: stage), for: message.tag)
        self.bytes += message.bodyBytes
        return true
    }

    private mutating func handOut(_ tag: UInt64) -> IncomingMessage? {
        self.handedOut += 1
        return self.deliveries.update(tag) { [handedOut] entry in
            entry.stage = .out(number: handedOut)
            return entry.message
        }
    }

    private mutating func forget(_ tag: UInt64) {
        if let entry = self.deliveries.remove(tag) { self.bytes -= entry.message.bodyBytes }
        self.settled.add(tag)
    }
}
