// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The progress of one call of `publish`: its outcomes so far, and the messages that have to wait.
struct Publishing: Sendable {
    /// Consecutive messages for the same subscriptions.
    struct Run {
        let messages: ArraySlice<Message>
        let targets: [Int]
    }

    private let messages: [Message]
    private var next = 0
    private(set) var outcomes: [PublishOutcome]
    /// The messages that have to wait in line, in order.
    private(set) var rest: [WaitingPublishers.Item] = []
    /// The subscriptions that had room for the previous run; one call can exceed their capacity.
    var admitted: [Int] = []
    /// The signals of the consumers to wake.
    var signals: [Signal] = []

    init(_ messages: [Message]) {
        self.messages = messages
        self.outcomes = Array(repeating: .confirmed, count: messages.count)
    }

    /// Returns the next messages of one topic to store, and records outcomes for those that cannot be stored.
    mutating func nextRun(targets: (Topic) -> [Int]) -> Run? {
        while self.next < self.messages.count {
            let start = self.next
            self.next += 1
            guard self.isValid(start) else { continue }
            let topic = self.messages[start].topic
            let found = targets(topic)
            guard !found.isEmpty else {
                if self.messages[start].requiresSubscriber { self.outcomes[start] = .unroutable }
                continue
            }
            while self.next < self.messages.count, self.messages[self.next].topic == topic, self.isValid(self.next) {
                self.next += 1
            }
            return Run(messages: self.messages[start..<self.next], targets: found)
        }
        return nil
    }

    mutating func leaveForLater(_ run: Run) {
        self.rest += run.messages.indices.map {
            WaitingPublishers.Item(place: $0, message: self.messages[$0], targets: run.targets)
        }
    }

    private mutating func isValid(_ place: Int) -> Bool {
        do throws(BusError) {
            try self.messages[place].validate()
            return true
        } catch {
            self.outcomes[place] = .notSent(error)
            return false
        }
    }
}
