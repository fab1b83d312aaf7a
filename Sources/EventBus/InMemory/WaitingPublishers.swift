// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The publishers that are waiting for room in a full subscription, in order of arrival: a pure state machine.
///
/// A message waits while one of its subscriptions is full, or while an older message waits for one of them. Thus each
/// subscription gets its messages in order, and a full one does not delay messages for others.
struct WaitingPublishers: Sendable {
    /// A message to be stored.
    struct Item: Sendable {
        /// The index of the message in the publisher's call.
        let place: Int
        let message: Message
        /// The subscriptions that the message is for.
        let targets: [Int]
    }

    private struct Publisher: Sendable {
        let id: UInt64
        var items: [Item]
    }

    private var publishers: [Publisher] = []
    private var lastID: UInt64 = 0

    /// Whether no publisher is waiting.
    var isEmpty: Bool { self.publishers.isEmpty }

    /// How many publishers are waiting with a message for a subscription.
    func count(for target: Int) -> Int {
        self.publishers.count { $0.items.contains { $0.targets.contains(target) } }
    }

    /// Adds a publisher at the end of the line.
    mutating func join(_ items: [Item]) -> UInt64 {
        self.lastID += 1
        self.publishers.append(Publisher(id: self.lastID, items: items))
        return self.lastID
    }

    /// Removes a publisher from the line; returns its messages that have not been stored.
    mutating func leave(_ id: UInt64) -> [Item] {
        guard let index = self.publishers.firstIndex(where: { $0.id == id }) else { return [] }
        return self.publishers.remove(at: index).items
    }

    /// Stores everything that there is room for now.
    ///
    /// Checks for room once per publisher and subscription, so a single call can exceed the capacity.
    ///
    /// - Returns: the publishers that are no longer waiting, in order.
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
