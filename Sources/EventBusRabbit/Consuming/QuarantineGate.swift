// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// What may be handed out now: everything that is ready, or one message that has to run alone.
///
/// A pure state machine.
///
/// While a message waits in the quarantine queue nothing new is handed out; when all that is out is settled, it is fetched and
/// handed out alone. That goes on until the quarantine queue is empty.
struct QuarantineGate {
    private enum Phase: Hashable {
        case open
        case draining
        case fetching
        case alone
    }

    enum Step: Hashable {
        case none
        case handOut([UInt64])
        /// Fetch one message from the quarantine queue.
        case fetch
    }

    private var phase = Phase.open
    private var ready: Deque<UInt64> = []
    private var out: TagTable<Void>
    /// Messages on their way to the quarantine queue.
    private var moves = 0
    /// Something may have come to the quarantine queue since the last fetch was sent.
    private var isFetchStale = false
    private(set) var isStopped = false

    /// - Parameter prefetch: how many deliveries may be out.
    init(prefetch: Int) {
        self.out = TagTable(capacity: prefetch)
    }

    /// Whether nothing is known to wait to run alone.
    var isOpen: Bool { self.phase == .open }

    /// A message of the subscription's queue has come.
    mutating func arrived(_ tag: UInt64) {
        self.ready.append(tag)
    }

    /// A message waits in the quarantine queue.
    mutating func quarantineHasMessages() {
        self.isFetchStale = true
        if self.phase == .open { self.phase = .draining }
    }

    /// A message is being moved to the quarantine queue: it stood in front of what is ready, so that nothing may overtake it.
    mutating func moveBegan() {
        self.moves += 1
        self.quarantineHasMessages()
    }

    /// A message has arrived in the quarantine queue.
    mutating func moveEnded() {
        self.moves -= 1
        self.quarantineHasMessages()
    }

    /// The fetch has brought a message, or found the queue empty.
    mutating func fetched(_ tag: UInt64?) {
        guard self.phase == .fetching else { return }
        if let tag {
            self.phase = .alone
            self.out.insert((), for: tag)
        } else {
            self.phase = self.isFetchStale ? .draining : .open
        }
    }

    /// A delivery has its verdict.
    ///
    /// - Returns: whether it was out.
    mutating func settled(_ tag: UInt64) -> Bool {
        guard self.out.remove(tag) != nil else { return false }
        if self.phase == .alone { self.phase = .draining }
        return true
    }

    /// Nothing new is handed out from now on.
    mutating func stop() {
        self.isStopped = true
    }

    /// What to do now.
    ///
    /// - Parameter isAwaited: whether somebody waits for a delivery. Nothing is fetched before: at the scope's end it would go
    ///   back and count a return, as if it had been started.
    mutating func next(isAwaited: @autoclosure () -> Bool) -> Step {
        guard !self.isStopped else { return .none }
        switch self.phase {
        case .open:
            guard !self.ready.isEmpty else { return .none }
            let tags = Array(self.ready)
            self.ready = []
            for tag in tags { self.out.insert((), for: tag) }
            return .handOut(tags)
        case .draining where self.out.isEmpty && self.moves == 0 && isAwaited():
            self.phase = .fetching
            self.isFetchStale = false
            return .fetch
        default:
            return .none
        }
    }
}
