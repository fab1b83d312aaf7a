// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// What ``EventBusConformance`` needs of a backend: a bus, and a way to let time pass.
///
/// ```swift
/// struct Harness: EventBusHarness {
///     let bus: any EventBus
/// }
/// ```
///
/// Each case uses names of its own, so that several can run on one broker at the same time.
public protocol EventBusHarness: Sendable {
    /// The bus to check.
    var bus: any EventBus { get }

    /// The clock that the bus's delayed retries follow.
    ///
    /// The default is a `ContinuousClock`.
    var clock: any Clock<Duration> { get }

    /// Lets time pass for the bus.
    ///
    /// The default sleeps on ``clock``; a virtual clock has to be advanced instead.
    func pass(_ duration: Duration) async throws

    /// Removes what a case has left behind on a broker; called once at the end of each case.
    ///
    /// The default does nothing.
    func remove(_ subscriptions: [SubscriptionName]) async
}

extension EventBusHarness {
    /// A `ContinuousClock`.
    public var clock: any Clock<Duration> { ContinuousClock() }

    /// Sleeps on ``clock``.
    public func pass(_ duration: Duration) async throws {
        try await self.clock.sleep(for: duration)
    }

    /// Does nothing.
    public func remove(_ subscriptions: [SubscriptionName]) async {}
}
