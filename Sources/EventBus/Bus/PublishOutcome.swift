// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The result of publishing one message.
public enum PublishOutcome: Sendable {
    /// The bus has stored the message durably for every matching subscription.
    ///
    /// At least one matches if the message requires a subscriber.
    case confirmed
    /// The message requires a subscriber and no subscription matches its topic. It was not stored.
    case unroutable
    /// The bus rejected the message. If several subscriptions match, some of them may have stored it nevertheless.
    case refused(reason: String)
    /// The message was sent but the answer was lost; publishing it again can create a duplicate.
    case unknown
    /// The message was not sent.
    indirect case notSent(BusError)

    /// Whether the message is stored and routed.
    public var isConfirmed: Bool {
        guard case .confirmed = self else { return false }
        return true
    }

    /// The failure as an error; `nil` if the message was confirmed.
    public func error(for topic: Topic) -> BusError? {
        switch self {
        case .confirmed: nil
        case .unroutable: BusError(.unroutable, "topic \(topic): no subscription matches it")
        case .refused(let reason): BusError(.refused, "topic \(topic): \(reason)")
        case .unknown:
            BusError(.outcomeUnknown, "topic \(topic): the bus did not answer, the message may or may not be stored")
        case .notSent(let error): error
        }
    }
}
