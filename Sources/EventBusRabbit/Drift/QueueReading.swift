// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What refusals of declarations tell of a queue that exists: a pure state machine.
struct QueueReading {
    /// More than a queue has arguments.
    static let maximumRefusals = 24

    private var found: TopologyQueue
    private var arguments: [String: HeaderValue]
    private var refusals = 0

    /// - Parameter found: what is wanted, with what is known of the queue.
    init(_ found: TopologyQueue) {
        self.found = found
        self.arguments = found.arguments
        self.arguments["x-queue-type"] = .string(found.type)
    }

    /// What to declare next.
    var declaration: ClientMethod {
        .queueDeclare(
            name: self.found.name,
            passive: false,
            arguments: self.arguments.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        )
    }

    /// Takes the answer to the declaration.
    ///
    /// - Parameter refusal: `nil` if the broker agrees.
    /// - Returns: `nil` if something else has to be declared.
    mutating func answered(_ refusal: ConnectionFailure?) -> ReadingAnswer<TopologyQueue>? {
        guard let refusal else { return .found(self.found) }
        guard refusal.code == .channelClosed(406) else {
            return .unknown("arguments of queue \(self.found.name): \(refusal.text)")
        }
        self.refusals += 1
        guard self.refusals <= Self.maximumRefusals,
            let difference = InequivalentArgument(refusal.text, sent: self.arguments)
        else {
            self.found.refusal = refusal.text
            return .found(self.found)
        }
        self.arguments[difference.name] = difference.current
        switch difference.name {
        case "durable": self.found.isDurable = false
        case "auto_delete": self.found.isAutoDelete = true
        case "x-queue-type": self.found.type = difference.current?.string ?? "classic"
        default:
            self.found.arguments[difference.name] = difference.current
            return nil
        }
        // This client declares nothing else, and another type has other arguments.
        return .found(self.found)
    }
}
