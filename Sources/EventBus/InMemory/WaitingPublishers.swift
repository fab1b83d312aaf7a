// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The publishers that wait since a subscription is full, in order of arrival: a pure state machine.
///
/// A message waits while one of its subscriptions is full, or while an older message waits for one of them. So each
/// subscription gets its messages in order, and one that is full does not hold up what is for others.
struct WaitingPublishers: Sendable {
    /// A message that is to be stored.
    struct Item: Sendable {
        /// Its place in the publisher's call.
        let place: Int
        let message: Message
        /// The subscriptions that are to get it.
        let targets: [Int]
    }

    private struct Publisher: Sendable {
        let id: UInt64
        var items: [Item]
    }

    private var publishers: [Publisher] = []
    private var lastID: UInt64 = 0

    /// Whether nobody waits.
    var isEmpty: Bool { self.publishers.isEmpty }

    /// How many publishers wait with something for a subscription.
    func count(for target: Int) -> Int {
        self.publishers.count { $0.items.contains { $0.targets.contains(target) } }
    }

    /// Puts a publisher at the end of the line.
    mutating func join(_ items: [Item]) -> UInt64 {
        self.lastID += 1
        self.publishers.append(Publisher(id: self.lastID, items: items))
        return self.lastID
    }

    /// Takes a publisher out of the line; returns what it still waited with.
    mutating func leave(_ id: UInt64) -> [Item] {
        guard let index = self.publishers.firstIndex(where: { $0.id == id }) else { return [] }
        return self.publishers.remove(at: index).items
    }

    /// Lets through what can be stored now.
    ///
    /// Room is asked for once per publisher and subscription: one call may overshoot the capacity.
    ///
    /// - Returns: the publishers that wait no longer, in order.
    mutating func advance(
        hasRoom: (_ target: Int) -> Bool,
        store: (_ target: Int, _ messages: [Message]) -> Void
    ) -> [UInt64] {
        var blocked: Set<Int> = []
        var done: [UInt64] = []
        for index in self.publishers.indices {
            var open: Set<Int> = []
            var batches: [(target: Int, messages: [Message])] = []
            var rest: [Item] = []
            for item in self.publishers[index].items {
                for target in item.targets where !open.contains(target) && !blocked.contains(target) {
                    if hasRoom(target) { open.insert(target) } else { blocked.insert(target) }
                }
                guard !item.targets.contains(where: blocked.contains) else {
                    blocked.formUnion(item.targets)
                    rest.append(item)
                    continue
                }
                for target in item.targets {
                    if let batch = batches.firstIndex(where: { $0.target == target }) {
                        batches[batch].messages.append(item.message)
                    } else {
                        batches.append((target, [item.message]))
                    }
                }
            }
            for (target, messages) in batches { store(target, messages) }
            self.publishers[index].items = rest
            if rest.isEmpty { done.append(self.publishers[index].id) }
        }
        self.publishers.removeAll { $0.items.isEmpty }
        return done
    }
}
