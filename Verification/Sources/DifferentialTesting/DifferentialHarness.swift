// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// What ``Differential`` needs from a backend: a bus, names of subscriptions, and a way to restart the bus.
package protocol DifferentialHarness: Sendable {
    /// The bus to compare; after ``restart()`` it may be another one.
    var bus: any EventBus { get }

    /// The names of the subscriptions that programs use, ``Differential/slots`` of them; the last one is ordered.
    ///
    /// They must be empty when a program starts. They are empty again after a program without a divergence, so that the next one
    /// can use them. Two programs must not use one name at the same time; after a divergence, none may use it.
    var subscriptions: [SubscriptionName] { get }

    /// The clock of delayed retries; by default the system's.
    var clock: any Clock<Duration> { get }

    /// Lets time pass for the bus; only needed for a bus on a virtual clock.
    func pass(_ duration: Duration) async throws

    /// Restarts the bus, so that only durable state is kept; called while no subscription is open.
    ///
    /// The default does nothing.
    func restart() async throws
}

extension DifferentialHarness {
    /// The system's clock.
    package var clock: any Clock<Duration> { ContinuousClock() }

    /// Does nothing, since the system's time passes by itself.
    package func pass(_ duration: Duration) async throws {}

    /// Does nothing.
    package func restart() async throws {}
}
