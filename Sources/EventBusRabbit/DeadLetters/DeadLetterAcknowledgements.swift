// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Which acknowledgements remove messages of a channel: a pure state machine.
///
/// As long as everything before has been removed, one acknowledgement is enough for many.
struct DeadLetterAcknowledgements {
    /// When acknowledgements arrive faster than a quorum queue accepts them, RabbitMQ 3.10 keeps all but 32 in the channel's process,
    /// and closing the channel loses them.
    static let atOnce = 16

    private var hasKept: Bool

    /// - Parameter hasKept: whether messages were delivered that are kept.
    init(hasKept: Bool = false) { self.hasKept = hasKept }

    /// - Parameters:
    ///   - removed: the tags to remove, ascending.
    ///   - looked: the tags among which they are, ascending; all that were delivered before have been settled or are kept.
    /// - Returns: groups, each of which the queue has to have processed before anything else is sent, the last one too: what is
    ///   redriven twice after a loss of the connection is never more than one batch.
    mutating func settle(_ removed: [UInt64], of looked: [UInt64]) -> [[ClientMethod]] {
        var rest = removed[...]
        var acks: [ClientMethod] = []
        if !self.hasKept {
            let front = zip(removed, looked).prefix { $0 == $1 }.count
            if front > 0 { acks.append(.basicAck(tag: removed[front - 1], multiple: true)) }
            rest = rest.dropFirst(front)
            self.hasKept = front < looked.count
        }
        acks += rest.map { ClientMethod.basicAck(tag: $0, multiple: false) }
        return stride(from: 0, to: acks.count, by: Self.atOnce).map {
            Array(acks[$0..<min($0 + Self.atOnce, acks.count)])
        }
    }
}
