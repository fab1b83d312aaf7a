// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The contract of `EventBus` and `Deliveries` in executable form, the same for every backend.
///
/// ```swift
/// @Test(arguments: EventBusConformance.cases)
/// func conforms(_ testCase: EventBusConformance.Case) async throws {
///     try await testCase.run(on: MyHarness())
/// }
/// ```
///
/// No case relies on timing: that nothing arrives is shown by a later message that arrives instead.
public enum EventBusConformance {
    /// One rule of the contract.
    public struct Case: Sendable, CustomStringConvertible {
        /// The rule.
        public let description: String
        private let body: @Sendable (Scene) async throws -> Void

        init(_ description: String, _ body: @escaping @Sendable (Scene) async throws -> Void) {
            self.description = description
            self.body = body
        }

        /// Checks the rule.
        ///
        /// - Throws: ``ConformanceFailure`` when the bus breaks the rule, also when the case has not ended after a minute;
        ///   what the bus and the harness throw.
        public func run(on harness: any EventBusHarness) async throws {
            let scene = Scene(harness)
            let result: Result<Void, any Error>
            do {
                try await withTimeLimit(.seconds(60), on: RelativeClock(ContinuousClock())) {
                    try await self.body(scene)
                }
                result = .success(())
            } catch let limit as TimeLimitExceeded {
                let lastStep = scene.lastStep.map { " since: \($0)" } ?? ""
                result = .failure(ConformanceFailure("nothing has happened within \(limit.limit)\(lastStep)"))
            } catch {
                result = .failure(error)
            }
            await harness.remove(scene.subscriptions)
            try result.get()
        }
    }

    /// All rules.
    public static let cases: [Case] =
        Self.routing + Self.publishing + Self.delivering + Self.settling + Self.returning + Self.givingBack
        + Self.retrying + Self.deadLettering + Self.listing + Self.redriving + Self.settlingDeadLetters
        + Self.identifying + Self.ordering
        + Self.sharding + Self.changing + Self.carrying + Self.limits + Self.consuming
}
