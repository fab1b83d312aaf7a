// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
public import EventBusPersistence

/// The contract of `Store`, `Repository`, `Transaction` and `Outbox` in executable form, the same for every backend.
///
/// ```swift
/// @Test(arguments: StoreConformance.cases)
/// func conforms(_ testCase: StoreConformance.Case) async throws {
///     try await testCase.run(on: MyHarness())
/// }
/// ```
///
/// No case relies on timing, and one waits until the store ends a wait for a row, within 20 s. Up to 16 transactions run at the same time, of which two hold what they have read.
public enum StoreConformance {
    /// One rule of the contract.
    public struct Case: Sendable, CustomStringConvertible {
        /// The rule.
        public let description: String
        private let body: @Sendable (StoreScene) async throws -> Void

        init(_ description: String, _ body: @escaping @Sendable (StoreScene) async throws -> Void) {
            self.description = description
            self.body = body
        }

        /// Checks the rule.
        ///
        /// - Throws: ``ConformanceFailure`` when the store breaks the rule, also when the case has not ended after a
        ///   minute; what the store throws.
        public func run(on harness: any StoreHarness) async throws {
            let scene = StoreScene(harness)
            do {
                try await withTimeLimit(.seconds(60), on: RelativeClock(ContinuousClock())) {
                    try await self.body(scene)
                }
            } catch let limit as TimeLimitExceeded {
                throw ConformanceFailure("the case has not ended within \(limit.limit)")
            }
        }
    }

    /// The tables that the suite needs, as SQL for Postgres.
    ///
    /// A store of another kind creates them from ``Specimen/schema`` and ``Tally/schema``.
    public static let migrations: [Migration] = [Specimen.migration, Tally.migration]

    /// All rules.
    public static let cases: [Case] =
        Self.entities + Self.values + Self.conflicts + Self.poisoning + Self.isolation + Self.waiting + Self.locking
        + Self.versions
        + Self.scopes
        + Self.publishing + Self.relaying + Self.ownership + Self.handling + Self.claiming
}
