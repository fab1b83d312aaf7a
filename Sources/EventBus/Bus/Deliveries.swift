// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The deliveries of one open subscription.
///
/// Most programs use ``EventConsumer``, which settles by itself.
public protocol Deliveries: Sendable {
    /// What is ready, in queue order; waits until there is at least one. To be called by one task at a time.
    ///
    /// At most ``Subscription/prefetch`` deliveries are out unsettled. On a subscription without order a message that came
    /// back is handed out alone: nothing else is out before it is settled.
    ///
    /// - Returns: deliveries, never none; `nil` after ``stop()``.
    /// - Throws: `CancellationError`; ``BusError`` with code `connectionLost` when the connection is gone, after which
    ///   nothing more comes and every verdict is ignored.
    func next() async throws -> [Delivery]?

    /// Says what is to become of a delivery, in any order and from any task; never waits.
    ///
    /// Ids that are unknown, settled already or of an earlier connection are ignored.
    func settle(_ delivery: Delivery.ID, _ verdict: Verdict)

    /// From now on nothing new is handed out; those that are out can still be settled.
    func stop()

    /// Returns when all verdicts so far have been handed to the bus.
    ///
    /// - Throws: `CancellationError`; ``BusError`` with code `connectionLost`.
    func flush() async throws

    /// Where a task that calls ``next()`` again and again is best run; `nil` when that makes no difference.
    ///
    /// What runs there must never block.
    var executor: (any TaskExecutor)? { get }
}

extension Deliveries {
    /// `nil`.
    public var executor: (any TaskExecutor)? { nil }
}
