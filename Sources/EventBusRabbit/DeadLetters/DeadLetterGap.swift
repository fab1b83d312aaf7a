// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// Why a run through dead letters may not have looked at all that there were.
package enum DeadLetterGap: Hashable, Sendable {
    /// The queue has had these consumers of other clients when the run began, and nobody else sees what they hold.
    case held(consumers: Int)
    /// So many are behind those that stay, of which the broker has delivered as many as it delivers at once.
    case behindKept(Int)
    /// So many were there and did not come.
    case taken(Int)

    /// - Parameters:
    ///   - queue: what the dead-letter queue had before the run: AMQP counts what nobody holds, and consumers.
    ///   - limit: how many were to be looked at.
    ///   - looked: what the run has looked at.
    /// - Returns: `nil` if everything was looked at, as far as AMQP tells.
    package init?(_ queue: QueueCount, limit: Int, looked: DeadLetterCounts) {
        let missing = min(queue.messages, limit) - looked.total
        if queue.consumers > 0 {
            self = .held(consumers: queue.consumers)
        } else if missing <= 0 {
            return nil
        } else if looked.kept >= DeadLetterWindow<Void>.size {
            self = .behindKept(missing)
        } else {
            self = .taken(missing)
        }
    }

    /// A name for programs, which does not change between releases.
    package var name: String {
        switch self {
        case .held: "held"
        case .behindKept: "behind-kept"
        case .taken: "taken"
        }
    }
}

extension DeadLetterGap: CustomStringConvertible {
    /// What is missing and the way out.
    package var description: String {
        switch self {
        case .held(let consumers):
            let number = consumers == 1 ? "a consumer" : "\(consumers) consumers"
            return "the dead-letter queue has had \(number) of other clients, such as another list or redrive, "
                + "and nobody else sees what they hold: end them, and repeat it"
        case .behindKept(let count):
            return
                "\(count) were not looked at, since \(DeadLetterWindow<Void>.size) stay in front of them and the broker delivers "
                + "no more at once: redrive or discard some of these, and repeat it"
        case .taken(let count):
            return "\(count) were there and did not come, since another client holds them or has taken them: repeat it"
        }
    }
}
