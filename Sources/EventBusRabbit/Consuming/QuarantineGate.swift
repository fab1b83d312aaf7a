// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What may be handed out now – everything that waits, or one message in quarantine: a pure state machine.
///
/// While a message waits in the quarantine queue nothing new is handed out. When everything that is out has been settled, that message
/// is fetched and handed out alone, and so on until the quarantine queue is empty.
struct QuarantineGate {
    private enum Phase: Hashable {
        case open
        case draining
        case fetching
        case alone
    }

    enum Action: Hashable {
        case none
        case handOut([UInt64])
        /// Fetch one message from the quarantine queue.
        case fetch
    }

    private var phase = Phase.open
    private var waiting: [UInt64] = []
    /// How many deliveries are out.
    private var out = 0
    /// How many messages are on their way to the quarantine queue.
    private var moves = 0
    /// Whether a message may have reached the quarantine queue after the last fetch was sent.
    private var isFetchStale = false
    private(set) var isStopped = false

    /// Whether no message is known to wait in quarantine.
    var isOpen: Bool { self.phase == .open }

    /// A message of the subscription's own queue has arrived.
    mutating func arrived(_ tag: UInt64) {
        self.waiting.append(tag)
    }

    /// The quarantine queue has messages.
    mutating func quarantineHasMessages() {
        self.isFetchStale = true
        if self.phase == .open { self.phase = .draining }
    }

    /// A message is being moved to the quarantine queue; it stood before those that wait, which must not overtake it.
    mutating func moveBegan() {
        self.moves += 1
        self.quarantineHasMessages()
    }

    /// The message has reached the quarantine queue.
    mutating func moveEnded() {
        self.moves -= 1
        self.quarantineHasMessages()
    }

    /// The fetch has been answered, with a message that is out from now on or because the queue is empty.
    mutating func fetched(_ hasMessage: Bool) {
        guard self.phase == .fetching else { return }
        if hasMessage {
            self.phase = .alone
            self.out += 1
        } else {
            self.phase = self.isFetchStale ? .draining : .open
        }
    }

    /// One of the deliveries that are out has its verdict.
    mutating func settled() {
        self.out -= 1
        if self.phase == .alone { self.phase = .draining }
    }

    /// Nothing new is handed out from now on.
    mutating func stop() {
        self.isStopped = true
    }

    /// Takes out what waits, to be given back.
    mutating func takeWaiting() -> [UInt64] {
        defer { self.waiting = [] }
        return self.waiting
    }

    /// What to do now.
    ///
    /// - Parameter isAwaited: whether a task waits for a delivery. Nothing is fetched before, since the message would return to the
    ///   queue at the end of the scope and count as a return although it was never started.
    mutating func next(isAwaited: @autoclosure () -> Bool) -> Action {
        guard !self.isStopped else { return .none }
        switch self.phase {
        case .open:
            guard !self.waiting.isEmpty else { return .none }
            let tags = self.waiting
            self.waiting = []
            self.out += tags.count
            return .handOut(tags)
        case .draining where self.out == 0 && self.moves == 0 && isAwaited():
            self.phase = .fetching
            self.isFetchStale = false
            return .fetch
        default:
            return .none
        }
    }
}
