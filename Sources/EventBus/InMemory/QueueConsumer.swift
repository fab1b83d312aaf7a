// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// One open consumer of a queue and its unsettled deliveries: a pure state machine.
struct QueueConsumer: Sendable {
    typealias ID = UInt64

    enum Origin: Sendable { case main, quarantine }

    /// A message that was assigned to the consumer and is unsettled.
    struct Outstanding: Sendable {
        let tag: UInt64
        let entry: QueueEntry
        let origin: Origin
    }

    let id: ID
    let prefetch: Int
    let prefetchBytes: Int
    var isStopped = false
    /// Whether the consumer has to be woken for a delivery: it has not asked yet, or is waiting.
    var isWaiting = true
    /// By tag, except that one from quarantine is at the front; the last `buffered` ones have not been handed out yet.
    private(set) var outstanding: Deque<Outstanding> = []
    private(set) var buffered = 0
    /// Whether deliveries were not handed out since the bodies of others take all bytes.
    private(set) var isHeldBack = false
    /// The bytes of the bodies that are handed out.
    private var bytes = 0
    /// Those of the buffered ones, so that they are usually handed out without a look at each.
    private var bufferedBytes = 0
    private var nextTag: UInt64 = 1

    init(id: ID, prefetch: Int, prefetchBytes: Int) {
        self.id = id
        self.prefetch = prefetch
        self.prefetchBytes = prefetchBytes
    }

    var handedOut: Int { self.outstanding.count - self.buffered }

    var hasRoom: Bool { self.outstanding.count < self.prefetch }

    /// Whether it can get another message of an unordered subscription.
    var takesMore: Bool { !self.isStopped && self.hasRoom }

    /// Whether a message from quarantine is unsettled.
    var hasQuarantined: Bool { self.outstanding.contains { $0.origin == .quarantine } }

    /// Assigns a message; returns whether the consumer has to be woken for it.
    mutating func push(_ entry: QueueEntry) -> Bool {
        self.outstanding.append(Outstanding(tag: self.takeTag(), entry: entry, origin: .main))
        self.buffered += 1
        self.bufferedBytes += entry.message.body.count
        defer { self.isWaiting = false }
        return self.isWaiting
    }

    /// Removes what was assigned and not handed out.
    mutating func takeBuffered() -> [QueueEntry] {
        let entries = self.outstanding.suffix(self.buffered).map(\.entry)
        self.outstanding.removeLast(self.buffered)
        (self.buffered, self.bufferedBytes) = (0, 0)
        return entries
    }

    mutating func handOutBuffered() -> [Delivery] {
        let start = self.handedOut
        if self.bytes + self.bufferedBytes < self.prefetchBytes {
            self.bytes += self.bufferedBytes
            (self.buffered, self.bufferedBytes) = (0, 0)
        } else {
            self.handOutWhileBytesAllow()
        }
        self.isHeldBack = self.buffered > 0
        return self.outstanding[start..<self.handedOut].map(self.delivery)
    }

    private mutating func handOutWhileBytesAllow() {
        while self.buffered > 0, self.bytes < self.prefetchBytes {
            let size = self.outstanding[self.handedOut].entry.message.body.count
            self.bytes += size
            self.bufferedBytes -= size
            self.buffered -= 1
        }
    }

    mutating func handOut(quarantined entry: QueueEntry) -> Delivery {
        let outstanding = Outstanding(tag: self.takeTag(), entry: entry, origin: .quarantine)
        // Deliveries that were handed out stand before buffered ones.
        self.outstanding.prepend(outstanding)
        self.bytes += entry.message.body.count
        return self.delivery(outstanding)
    }

    /// The delivery with a tag, if it was handed out and is unsettled.
    func handedOut(_ tag: UInt64) -> Outstanding? {
        self.position(of: tag).map { self.outstanding[$0] }
    }

    /// Removes a delivery that was handed out; returns where it came from.
    mutating func remove(_ tag: UInt64) -> Origin? {
        guard let position = self.position(of: tag) else { return nil }
        let origin = self.outstanding[position].origin
        self.bytes -= self.outstanding[position].entry.message.body.count
        if position == 0 { self.outstanding.removeFirst() } else { self.outstanding.remove(at: position) }
        return origin
    }

    private func position(of tag: UInt64) -> Int? {
        let handedOut = self.handedOut
        guard handedOut > 0 else { return nil }
        // Most deliveries are settled in order.
        if self.outstanding[0].tag == tag { return 0 }
        return self.outstanding.prefix(handedOut).firstIndex { $0.tag == tag }
    }

    private mutating func takeTag() -> UInt64 {
        defer { self.nextTag += 1 }
        return self.nextTag
    }

    private func delivery(_ outstanding: Outstanding) -> Delivery {
        Delivery(
            id: Delivery.ID(generation: self.id, tag: outstanding.tag),
            message: outstanding.entry.message,
            failures: outstanding.entry.failures,
            returns: outstanding.entry.returns,
            redrives: outstanding.entry.redrives
        )
    }
}
