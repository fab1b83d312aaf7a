// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import NIOCore

/// By what a message that comes back is recognized.
struct ReturnKey: Hashable {
    let messageID: String?
    let exchange: String
    let routingKey: String
}

/// The messages of a channel that wait for the broker's answer (RabbitMQ, publisher confirms): a pure state machine.
///
/// Tags count from 1 in the order of writing. A mandatory message that reaches no queue is returned before it is acknowledged; a
/// return has no tag, so it is matched by message id and by where it was sent: producers may use an id twice, and an event has copies
/// for several queues.
struct Confirms<Batch> {
    /// Where an answer goes: a batch and an index in it.
    struct Slot {
        let batch: Batch
        let index: Int
    }

    enum Answer {
        case confirmed
        case unroutable
        case refused
        case unknown
    }

    struct Resolution {
        let slot: Slot
        let answer: Answer
    }

    private struct Entry {
        let slot: Slot
        /// `nil` for a message that cannot come back.
        let returnKey: ReturnKey?
        let size: Int
        var deadline: NIODeadline
        var isReturned = false
        var isAnswered = false
        /// The outcome was reported as unknown; the broker's answer may still arrive.
        var isAbandoned = false
    }

    private var entries: Deque<Entry> = []
    private var firstTag: UInt64 = 1
    /// Where to look for the next return first, since returns arrive in the order of publishing.
    private var returnHint: UInt64 = 1

    /// How many messages wait for the broker's answer, and how many bytes they have.
    private(set) var outstanding = 0
    private(set) var outstandingBytes = 0

    /// The deadline of the oldest message whose outcome is open.
    var nextDeadline: NIODeadline? { self.entries.first { !$0.isAnswered && !$0.isAbandoned }?.deadline }

    /// A message was written.
    ///
    /// - Parameter returnKey: `nil` for a message that is not mandatory.
    mutating func published(_ slot: Slot, returnKey: ReturnKey?, size: Int, deadline: NIODeadline) {
        self.entries.append(Entry(slot: slot, returnKey: returnKey, size: size, deadline: deadline))
        self.outstanding += 1
        self.outstandingBytes += size
    }

    /// A message was returned because it reached no queue.
    mutating func returned(_ key: ReturnKey) {
        let start = self.returnHint > self.firstTag ? Int(self.returnHint - self.firstTag) : 0
        let indices = Array(start..<max(start, self.entries.count)) + Array(0..<min(start, self.entries.count))
        for index in indices
        where self.entries[index].returnKey == key && !self.entries[index].isReturned
            && !self.entries[index].isAnswered
        {
            self.entries[index].isReturned = true
            self.returnHint = self.firstTag + UInt64(index) + 1
            return
        }
    }

    mutating func acknowledged(_ tag: UInt64, multiple: Bool) -> [Resolution] {
        self.answer(tag, multiple, .confirmed)
    }

    mutating func refused(_ tag: UInt64, multiple: Bool) -> [Resolution] {
        self.answer(tag, multiple, .refused)
    }

    /// Gives up messages whose deadline has passed; late answers of the broker are still matched.
    mutating func expire(now: NIODeadline) -> [Resolution] {
        var resolutions: [Resolution] = []
        for index in self.entries.indices where !self.entries[index].isAnswered && !self.entries[index].isAbandoned {
            guard self.entries[index].deadline <= now else { break }
            self.entries[index].isAbandoned = true
            resolutions.append(Resolution(slot: self.entries[index].slot, answer: .unknown))
        }
        return resolutions
    }

    /// Extends all deadlines, for example when the broker starts or stops holding messages back.
    mutating func extend(to deadline: NIODeadline) {
        for index in self.entries.indices { self.entries[index].deadline = deadline }
    }

    /// The channel is gone, and no answer will arrive.
    mutating func fail() -> [Resolution] {
        let open = self.entries.filter { !$0.isAnswered && !$0.isAbandoned }
        self.entries = []
        self.outstanding = 0
        self.outstandingBytes = 0
        return open.map { Resolution(slot: $0.slot, answer: .unknown) }
    }

    private mutating func answer(_ tag: UInt64, _ multiple: Bool, _ answer: Answer) -> [Resolution] {
        // Tag 0 with `multiple` means all messages so far (AMQP 0-9-1 §1.8.3.13).
        let last = tag == 0 && multiple ? self.entries.count - 1 : self.index(of: tag)
        guard let last, last < self.entries.count, last >= 0 else { return [] }
        var resolutions: [Resolution] = []
        for index in (multiple ? 0 : last)...last where !self.entries[index].isAnswered {
            self.entries[index].isAnswered = true
            self.outstanding -= 1
            self.outstandingBytes -= self.entries[index].size
            guard !self.entries[index].isAbandoned else { continue }
            let isUnroutable = answer == .confirmed && self.entries[index].isReturned
            resolutions.append(
                Resolution(slot: self.entries[index].slot, answer: isUnroutable ? .unroutable : answer)
            )
        }
        while let first = self.entries.first, first.isAnswered {
            self.entries.removeFirst()
            self.firstTag += 1
        }
        return resolutions
    }

    private func index(of tag: UInt64) -> Int? {
        guard tag >= self.firstTag, tag - self.firstTag < UInt64(self.entries.count) else { return nil }
        return Int(tag - self.firstTag)
    }
}
