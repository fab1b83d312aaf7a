// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// Which messages of a dead-letter queue to look at, and which of them wait to be looked at: a pure state machine.
///
/// The broker delivers the whole queue, as far as its window of unacknowledged messages reaches, whatever is wanted of it.
struct DeadLetterWindow<Element> {
    /// The most unacknowledged messages of a consumer (AMQP 0-9-1, `prefetch-count` has 16 bits).
    static var size: Int { Int(UInt16.max) }

    /// How many messages the queue held when it was opened.
    private let count: Int
    /// The places, counted from zero, of the messages to look at.
    private let wanted: Range<Int>
    private let maximumBytes: Int
    private var waiting: Deque<(element: Element, bytes: Int)> = []
    private var bytes = 0
    /// How many messages have arrived, including those that are not looked at.
    private(set) var received = 0
    private var removed = 0
    /// Whether messages were dropped because those that wait hold enough bytes; they have to be fetched again.
    private(set) var isCut = false

    /// - Parameters:
    ///   - count: how many messages the queue holds.
    ///   - skipped: how many of the oldest were looked at before and stay.
    ///   - limit: how many to look at.
    ///   - maximumBytes: how many bytes may wait; one message may always wait.
    init(count: Int, skipping skipped: Int, limit: Int, maximumBytes: Int) {
        self.count = count
        self.maximumBytes = maximumBytes
        let first = min(max(0, skipped), count)
        self.wanted = first..<first + min(max(0, limit), count - first)
    }

    mutating func received(_ element: Element, bytes: Int) {
        defer { self.received += 1 }
        guard self.wanted.contains(self.received), !self.isCut else { return }
        if self.waiting.isEmpty || self.bytes < self.maximumBytes {
            self.waiting.append((element, bytes))
            self.bytes += bytes
        } else {
            self.isCut = true
        }
    }

    /// So many messages are removed, so that the broker delivers others.
    mutating func removed(_ count: Int) { self.removed += count }

    /// Whether everything has arrived that the broker delivers without a further acknowledgement.
    var isComplete: Bool { self.received >= min(self.count, Self.size + self.removed) }

    /// Whether nothing that is wanted comes any more.
    private var isOver: Bool { self.isCut || self.received >= self.wanted.upperBound || self.isComplete }

    /// How many messages the queue has once those that were not removed are back, if nobody else takes any.
    ///
    /// What the broker has sent and has not arrived counts nowhere, but was in the queue when it was opened.
    ///
    /// - Parameter ready: how many the queue has now.
    func expected(ready: Int) -> Int { max(self.count, ready + self.received) - self.removed }

    /// The next messages, once there are as many or no others come; `nil` if more have to be waited for.
    mutating func take(_ limit: Int, isSilent: Bool) -> [Element]? {
        guard self.waiting.count >= limit || self.isOver || isSilent else { return nil }
        let taken = self.waiting.prefix(limit)
        self.waiting.removeFirst(taken.count)
        self.bytes -= taken.reduce(0) { $0 + $1.bytes }
        return taken.map(\.element)
    }
}
