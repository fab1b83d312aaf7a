// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Random programs that run on the in-process bus and on another one, and a comparison of what the two do.
///
/// ```swift
/// for seed in 1...1000 {
///     try await Differential.Program(seed: seed).run(on: MyHarness())
/// }
/// ```
///
/// `EventBusConformance` states what a backend has to do; this finds what nobody thought of stating. The buses must agree on the
/// outcomes of publishing, on who gets which deliveries in which order, on failures, returns, what is delivered alone, dead
/// letters, and what a redrive moves. A backend may choose which of two competing consumers gets a message; the in-process bus
/// then makes the same choice, and must be able to.
///
/// Nothing relies on timing: a last message that arrives shows that nothing else does.
package enum Differential {
    /// The maximum number of subscriptions in a program; the last one is ordered per key, the others are unordered.
    package static let slots = 3

    /// How many returns make an unordered message come alone.
    static let suspiciousReturns = 2

    static func ordering(of slot: Int) -> Ordering { slot == self.slots - 1 ? .perKey : .none }
}
