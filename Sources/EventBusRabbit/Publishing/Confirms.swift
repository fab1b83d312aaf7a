// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import NIOCore

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

    /// How far the bytes of the connection have got.
    struct Sending {
        /// Where the bytes end that have left.
        let left: Int
        /// Until when further ones have to leave.
        let deadline: NIODeadline
    }

    struct Resolution {
        let slot: Slot
        let answer: Answer
    }

    private struct Entry {
        let slot: Slot
        let size: Int
        /// Where the message ends among the bytes of the connection; see ``SendProgress``.
        let end: Int
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

    /// How many messages have an unknown outcome and could still be answered.
    private(set) var abandoned = 0

    /// Whether the outcome of a message is open.
    var hasOpen: Bool { self.outstanding > self.abandoned }

    /// The messages whose outcomes are open, oldest first.
    var open: [Slot] { self.entries.compactMap { $0.isAnswered || $0.isAbandoned ? nil : $0.slot } }

    /// A message was written.
    ///
    /// - Parameter end: where it ends among the bytes of the connection.
    mutating func published(_ slot: Slot, size: Int, end: Int, deadline: NIODeadline) {
        self.entries.append(Entry(slot: slot, size: size, end: end, deadline: deadline))
        self.outstanding += 1
        self.outstandingBytes += size
    }

    /// The bytes between these positions have left only now: the time of the messages that end in them begins.
    mutating func bytesLeft(after: Int, upTo: Int, deadline: NIODeadline) {
        var (index, end) = (self.entries.startIndex, self.entries.endIndex)
        while index < end {
            let middle = (index + end) / 2
            if self.entries[middle].end <= after { index = middle + 1 } else { end = middle }
        }
        while index < self.entries.endIndex, self.entries[index].end <= upTo {
            self.entries[index].deadline = deadline
            index += 1
        }
    }

    /// A message was returned because it reached no queue.
    ///
    /// - Parameter isMessage: whether the message of a slot is the one that came back.
    mutating func returned(_ isMessage: (Slot) -> Bool) {
        let start = self.returnHint > self.firstTag ? Int(self.returnHint - self.firstTag) : 0
        let indices = Array(start..<max(start, self.entries.count)) + Array(0..<min(start, self.entries.count))
        for index in indices
        where !self.entries[index].isReturned && !self.entries[index].isAnswered
            && isMessage(self.entries[index].slot)
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
    mutating func expire(now: NIODeadline, _ sending: Sending) -> [Resolution] {
        var resolutions: [Resolution] = []
        for index in self.entries.indices where !self.entries[index].isAnswered && !self.entries[index].isAbandoned {
            guard self.deadline(of: self.entries[index], sending) <= now else { break }
            self.entries[index].isAbandoned = true
            self.abandoned += 1
            resolutions.append(Resolution(slot: self.entries[index].slot, answer: .unknown))
        }
        return resolutions
    }

    /// The deadline of the oldest message whose outcome is open.
    func nextDeadline(_ sending: Sending) -> NIODeadline? {
        self.entries.first { !$0.isAnswered && !$0.isAbandoned }.map { self.deadline(of: $0, sending) }
    }

    /// As long as bytes leave, a message that has not left completely has time.
    private func deadline(of entry: Entry, _ sending: Sending) -> NIODeadline {
        entry.end <= sending.left ? entry.deadline : max(entry.deadline, sending.deadline)
    }

    /// Extends all deadlines, for example when the broker starts or stops holding messages back.
    mutating func extend(to deadline: NIODeadline) {
        for index in self.entries.indices { self.entries[index].deadline = deadline }
    }

    /// The channel is gone, and no answer will arrive.
    mutating func fail() -> [Resolution] {
        let open = self.open
        self.entries = []
        (self.outstanding, self.outstandingBytes, self.abandoned) = (0, 0, 0)
        return open.map { Resolution(slot: $0, answer: .unknown) }
    }

    private mutating func answer(_ tag: UInt64, _ multiple: Bool, _ answer: Answer) -> [Resolution] {
        // Tag 0 with `multiple` means all messages so far (AMQP 0-9-1 §1.8.3.13).
        let last = tag == 0 && multiple ? self.entries.count - 1 : self.index(of: tag)
        guard let last, last < self.entries.count, last >= 0 else { return [] }
        var resolutions: [Resolution] = []
        for index in (multiple ? 0 : last)...last {
            // Each access to the queue copies the entry.
            let entry = self.entries[index]
            guard !entry.isAnswered else { continue }
            self.entries[index].isAnswered = true
            self.outstanding -= 1
            self.outstandingBytes -= entry.size
            guard !entry.isAbandoned else {
                self.abandoned -= 1
                continue
            }
            let isUnroutable = answer == .confirmed && entry.isReturned
            resolutions.append(Resolution(slot: entry.slot, answer: isUnroutable ? .unroutable : answer))
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
