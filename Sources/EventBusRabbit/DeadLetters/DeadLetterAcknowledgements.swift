// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Which acknowledgements remove messages of a channel: a pure state machine.
///
/// As long as everything before has been removed, one acknowledgement is enough for many.
struct DeadLetterAcknowledgements {
    /// How many messages have been removed.
    private(set) var removed = 0
    private var hasKept: Bool

    /// - Parameter hasKept: whether messages were delivered that are kept.
    init(hasKept: Bool = false) { self.hasKept = hasKept }

    /// - Parameters:
    ///   - removed: the tags to remove, ascending.
    ///   - looked: the tags among which they are, ascending; all that were delivered before have been settled or are kept.
    mutating func settle(_ removed: [UInt64], of looked: [UInt64]) -> [ClientMethod] {
        self.removed += removed.count
        var rest = removed[...]
        var acks: [ClientMethod] = []
        if !self.hasKept {
            let front = zip(removed, looked).prefix { $0 == $1 }.count
            if front > 0 { acks.append(.basicAck(tag: removed[front - 1], multiple: true)) }
            rest = rest.dropFirst(front)
            self.hasKept = front < looked.count
        }
        return acks + rest.map { .basicAck(tag: $0, multiple: false) }
    }
}
