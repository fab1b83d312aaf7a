// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// What ``Differential`` needs of a backend: a bus, names of subscriptions, and a way to start the bus again.
package protocol DifferentialHarness: Sendable {
    /// The bus to compare; after ``restart()`` it may be another one.
    var bus: any EventBus { get }

    /// The names of the subscriptions that programs use, ``Differential/slots`` of them; the last one is ordered.
    ///
    /// Nothing is in them when a program starts, and nothing when one has ended without a divergence, so that the next program
    /// can use them. Two programs must not use one name at the same time, nor after a divergence.
    var subscriptions: [SubscriptionName] { get }

    /// The clock that delayed retries follow; the system's unless told.
    var clock: any Clock<Duration> { get }

    /// Lets time pass for the bus: only one whose clock stands still has to do something.
    func pass(_ duration: Duration) async throws

    /// Ends the bus and starts one that has kept only what is durable; called while no subscription is open.
    ///
    /// The default does nothing.
    func restart() async throws
}

extension DifferentialHarness {
    /// The system's clock.
    package var clock: any Clock<Duration> { ContinuousClock() }

    /// Does nothing: time passes by itself.
    package func pass(_ duration: Duration) async throws {}

    /// Does nothing.
    package func restart() async throws {}
}
