// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The deliveries of a channel that are settled and not acknowledged yet: a pure state machine.
struct SettledTags {
    struct Acknowledgement: Hashable {
        let tag: UInt64
        let multiple: Bool
    }

    private var tags: [UInt64] = []
    /// All deliveries below this tag are settled.
    private var firstUnsettled: UInt64 = 1

    var count: Int { self.tags.count }

    mutating func add(_ tag: UInt64) {
        self.tags.append(tag)
    }

    mutating func removeAll() {
        self.tags = []
    }

    /// Takes all acknowledgements that can be written, as few as possible.
    ///
    /// One with `multiple` covers everything up to its tag. The tag that it names must itself be unacknowledged, or RabbitMQ closes
    /// the channel (406, unknown delivery tag).
    ///
    /// - Parameters:
    ///   - last: the last delivery that has arrived.
    ///   - isUnsettled: whether a delivery is not settled.
    mutating func take(last: UInt64, _ isUnsettled: (UInt64) -> Bool) -> [Acknowledgement] {
        guard !self.tags.isEmpty else { return [] }
        while self.firstUnsettled <= last, !isUnsettled(self.firstUnsettled) { self.firstUnsettled += 1 }
        var highest: UInt64 = 0
        var count = 0
        var others: [UInt64] = []
        for tag in self.tags {
            guard tag < self.firstUnsettled else {
                others.append(tag)
                continue
            }
            highest = max(highest, tag)
            count += 1
        }
        self.tags.removeAll(keepingCapacity: true)
        var acknowledgements: [Acknowledgement] = []
        if count > 0 { acknowledgements.append(Acknowledgement(tag: highest, multiple: count > 1)) }
        // One slow delivery must not hold up the others.
        acknowledgements += others.sorted().map { Acknowledgement(tag: $0, multiple: false) }
        return acknowledgements
    }
}
