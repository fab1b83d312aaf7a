// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The deliveries of one open subscription.
///
/// Most programs use ``EventConsumer`` instead, which settles deliveries on its own.
public protocol Deliveries: Sendable {
    /// Waits for at least one delivery and returns all that are ready, in queue order.
    ///
    /// Only one task may call this at a time. At most ``Subscription/prefetch`` deliveries are unsettled at any moment (with shards,
    /// of each its part; order is kept within a shard), and their bodies take little more than ``Subscription/prefetchBytes``. On an
    /// unordered subscription, a message that came back twice is handed out alone: nothing else is in flight until it is settled.
    ///
    /// - Returns: at least one delivery; `nil` after ``stop()``.
    /// - Throws: `CancellationError`; ``BusError`` with code `connectionLost` when the connection was lost. After that, no
    ///   more deliveries arrive and every verdict is ignored.
    func next() async throws -> [Delivery]?

    /// Settles a delivery. Can be called from any task and in any order, and never waits.
    ///
    /// Ids that are unknown, already settled or from an earlier connection are ignored.
    func settle(_ delivery: Delivery.ID, _ verdict: Verdict)

    /// Stops handing out deliveries; those already handed out can still be settled.
    ///
    /// On an unordered subscription, what was not handed out goes back at once and counts no return.
    func stop()

    /// Gives deliveries that were not started back to an unordered subscription at once, without counting a return.
    ///
    /// They lose their place in the queue. On an ordered subscription this does nothing: there, unsettled deliveries go back in
    /// order when the scope ends, or that of their shard. Ids that are unknown, already settled or from an earlier connection are ignored.
    func giveBack(_ deliveries: [Delivery.ID])

    /// Waits until every verdict so far has been handed to the bus.
    ///
    /// - Throws: `CancellationError`; ``BusError`` with code `connectionLost`.
    func flush() async throws

    /// The executor on which a task that calls ``next()`` in a loop runs fastest; `nil` when it makes no difference.
    ///
    /// Code that runs there must never block.
    var executor: (any TaskExecutor)? { get }
}

extension Deliveries {
    /// `nil`.
    public var executor: (any TaskExecutor)? { nil }
}
