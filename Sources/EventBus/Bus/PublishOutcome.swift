// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What became of one published message.
public enum PublishOutcome: Sendable {
    /// The bus is responsible for the message: stored where a restart cannot lose it, and routed if it requires a subscriber.
    case confirmed
    /// The message requires a subscriber and no subscription matches its topic. It is not on the bus.
    case unroutable
    /// The bus said no, for the reason given. Some of several matching subscriptions may have the message all the same.
    case refused(reason: String)
    /// The message was sent and the answer was lost; publishing it again may double it.
    case unknown
    /// The message was not sent.
    case notSent(BusError)

    /// Whether the bus has taken responsibility.
    public var isConfirmed: Bool {
        guard case .confirmed = self else { return false }
        return true
    }

    /// The failure as an error; `nil` when confirmed.
    public func error(for topic: Topic) -> BusError? {
        switch self {
        case .confirmed: nil
        case .unroutable: BusError(.unroutable, "no subscription matches topic \(topic)")
        case .refused(let reason): BusError(.refused, "topic \(topic): \(reason)")
        case .unknown: BusError(.outcomeUnknown, "topic \(topic): the bus did not answer")
        case .notSent(let error): error
        }
    }
}
