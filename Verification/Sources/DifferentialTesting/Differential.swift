// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Random programs that do the same on the in-process bus and on another one, and a comparison of what both have done.
///
/// ```swift
/// for seed in 1...1000 {
///     try await Differential.Program(seed: seed).run(on: MyHarness())
/// }
/// ```
///
/// `EventBusConformance` says what a backend has to do; this finds what nobody has thought of saying. What must agree: outcomes
/// of publishing, who gets which deliveries in which order, failures, returns, what comes alone, dead letters, what a redrive
/// moves. Where a backend may choose, namely which of two competing consumers gets a message, the in-process bus is asked
/// to make the same choice, and has to be able to.
///
/// Time is no proof: that nothing more comes is shown by a last message that comes instead.
package enum Differential {
    /// How many subscriptions a program uses at most: all but the last one without order, the last one in order per key.
    package static let slots = 3

    static func ordering(of slot: Int) -> Ordering { slot == self.slots - 1 ? .perKey : .none }
}
