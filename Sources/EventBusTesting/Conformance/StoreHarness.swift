// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBusPersistence

/// What ``StoreConformance`` needs of a backend: two empty stores with the tables of ``StoreConformance/migrations``.
///
/// Each case needs fresh stores, or ones whose tables, outbox and inbox have been emptied.
public protocol StoreHarness: Sendable {
    /// The store to check.
    var store: any Store { get }

    /// Another store of the same kind that shares nothing with the first.
    var otherStore: any Store { get }

    /// Lets time pass for the store, which ends a wait for another transaction after a while.
    ///
    /// The default sleeps; a virtual clock has to be advanced instead.
    func pass(_ duration: Duration) async throws
}

extension StoreHarness {
    /// Sleeps.
    public func pass(_ duration: Duration) async throws { try await Task.sleep(for: duration) }
}
