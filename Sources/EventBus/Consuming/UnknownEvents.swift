// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a consumer does with an event that it cannot read: of a topic without a handler, or of a newer version than its handler's.
///
/// Such events are normal during a rollout: an instance of the new program has bound a topic or publishes a version that the
/// instances of the old one, which share the subscription, do not know.
public struct UnknownEvents: Sendable, Hashable {
    package enum Choice: Sendable, Hashable {
        case retry(for: Duration)
        case ignore
        case deadLetter
    }

    package let choice: Choice

    /// Delivers the event again, later and later, for 24 h; then it becomes a dead letter.
    ///
    /// This is the default. It uses up none of the attempts, which are for a consumer that has a handler.
    public static let retry = UnknownEvents.retry(for: .seconds(86400))

    /// Delivers the event again, after 1 s at first and after 2 minutes at last, until `duration` has passed since the first
    /// time; then it becomes a dead letter.
    ///
    /// On an ordered subscription the event keeps its place and holds up later events of its key. There it becomes a dead letter
    /// after 15 minutes at most, even if `duration` is longer.
    ///
    /// - Parameter duration: not negative.
    public static func retry(for duration: Duration) -> UnknownEvents {
        require(duration >= .zero, "duration is \(duration), must not be negative")
        return UnknownEvents(choice: .retry(for: duration))
    }

    /// The event is done: it is removed.
    public static let ignore = UnknownEvents(choice: .ignore)

    /// The event becomes a dead letter at once.
    public static let deadLetter = UnknownEvents(choice: .deadLetter)

    /// The delays after which an unknown event can be delivered again, in ascending order.
    static let delays: [Duration] = [.seconds(1), .seconds(10), .seconds(120)]

    /// Those of ``delays`` that are used on an unordered subscription.
    var delays: [Duration] {
        guard case .retry(let duration) = self.choice, duration > .zero else { return [] }
        let longest = Self.nearest(to: duration / 2)
        return Self.delays.filter { $0 <= longest }
    }

    private static func nearest(to delay: Duration) -> Duration {
        RetryLadder.nearest(to: delay, among: Self.delays) ?? delay
    }

    /// How long an event that has been unknown for `age` waits; `nil` when it has been long enough.
    func delay(atAge age: Duration, ordering: Ordering) -> Duration? {
        guard case .retry(let duration) = self.choice else { return nil }
        let isOrdered = ordering == .perKey
        guard age < (isOrdered ? min(duration, .seconds(900)) : duration) else { return nil }
        return Self.nearest(to: isOrdered ? min(age / 2, .seconds(10)) : age / 2)
    }
}
