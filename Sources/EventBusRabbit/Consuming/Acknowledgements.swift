// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// Which deliveries of a channel are settled and not yet acknowledged: a pure state machine.
///
/// As many as possible are acknowledged at once with `multiple`. The tag named must itself be unacknowledged, or RabbitMQ
/// closes the channel (406, unknown delivery tag).
struct Acknowledgements {
    struct Ack: Hashable {
        let tag: UInt64
        let multiple: Bool
    }

    private enum Status {
        case outstanding
        case settled
        case acknowledged
    }

    private var statuses: Deque<Status> = []
    private var firstTag: UInt64 = 1
    /// How many are settled and not yet acknowledged.
    private(set) var settledCount = 0
    private var lowestSettled = UInt64.max

    /// A delivery has come; tags rise by one.
    ///
    /// - Returns: whether the tag is the one that had to come.
    mutating func delivered(_ tag: UInt64) -> Bool {
        guard tag == self.firstTag + UInt64(self.statuses.count) else { return false }
        self.statuses.append(.outstanding)
        return true
    }

    /// A delivery is to be acknowledged; unknown and settled tags are ignored.
    mutating func settle(_ tag: UInt64) {
        guard tag >= self.firstTag, tag - self.firstTag < UInt64(self.statuses.count) else { return }
        let index = Int(tag - self.firstTag)
        guard self.statuses[index] == .outstanding else { return }
        self.statuses[index] = .settled
        self.settledCount += 1
        self.lowestSettled = min(self.lowestSettled, tag)
    }

    /// What to send now.
    mutating func flush() -> [Ack] {
        guard self.settledCount > 0 else { return [] }
        var acks: [Ack] = []
        var last: UInt64?
        var count = 0
        while let status = self.statuses.first, status != .outstanding {
            if status == .settled {
                last = self.firstTag
                count += 1
            }
            self.statuses.removeFirst()
            self.firstTag += 1
        }
        if let last { acks.append(Ack(tag: last, multiple: count > 1)) }
        self.settledCount -= count
        guard self.settledCount > 0 else {
            self.lowestSettled = .max
            return acks
        }
        // One slow delivery must not hold up the others.
        let start = self.lowestSettled > self.firstTag ? Int(self.lowestSettled - self.firstTag) : 0
        for index in start..<self.statuses.count where self.statuses[index] == .settled {
            self.statuses[index] = .acknowledged
            acks.append(Ack(tag: self.firstTag + UInt64(index), multiple: false))
        }
        self.settledCount = 0
        self.lowestSettled = .max
        return acks
    }
}
