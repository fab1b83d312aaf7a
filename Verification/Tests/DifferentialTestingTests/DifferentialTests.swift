// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DifferentialTesting
import EventBus
@_spi(Verification) import EventBusTesting
import Testing

@Suite("Random programs on two buses")
struct DifferentialTests {
    private struct Harness: DifferentialHarness {
        let bus: any EventBus
        let virtualClock: VirtualClock
        let subscriptions: [SubscriptionName] = ["first", "second", "ordered"]

        var clock: any Clock<Duration> { self.virtualClock }

        func pass(_ duration: Duration) async throws { self.virtualClock.advance(by: duration) }
    }

    /// How a program ends when the other bus is the in-process bus with a fault.
    private static func divergence(
        of program: Differential.Program,
        _ fault: Fault? = nil
    ) throws -> Differential.Divergence? {
        let thread = DeterministicRun()
        let memory = thread.bus()
        let bus: any EventBus = fault.map { FaultyBus(inner: memory, fault: $0) } ?? memory
        do {
            try program.run(on: Harness(bus: bus, virtualClock: thread.clock), thread: thread)
            return nil
        } catch let divergence as Differential.Divergence {
            return divergence
        } catch is Differential.TooSlow {
            // A retry that comes at the wrong time; only a faulty bus does that in virtual time.
            return nil
        }
    }

    @Test("The in-process bus does not diverge from itself")
    func same() throws {
        for seed in 1...250 as ClosedRange<UInt64> {
            let divergence = try Self.divergence(of: Differential.Program(seed: seed))
            #expect(divergence == nil, "\(divergence?.description ?? "")")
        }
    }

    @Test("A seed determines a program and what it does")
    func seeds() {
        let texts = (1...20 as ClosedRange<UInt64>).map { Differential.Program(seed: $0).description }
        #expect(texts == (1...20).map { Differential.Program(seed: $0).description })
        #expect(Set(texts).count == 20)
    }

    @Test(
        "A bus that behaves differently is found, and the program that shows it is shortened",
        arguments: Fault.allCases
    )
    fileprivate func wrong(_ fault: Fault) async throws {
        let found = try (1...50 as ClosedRange<UInt64>).lazy.map(Differential.Program.init)
            .first { try Self.divergence(of: $0, fault) != nil }
        let program = try #require(found)
        let divergence = try #require(try await program.shrunk { try Self.divergence(of: $0, fault) })
        // Every program ends with the actions that empty the subscriptions.
        let actions = divergence.description.split(separator: "\n").count { $0.first?.isNumber == true }
        #expect(actions <= 8, "\(divergence)")
        #expect(divergence.description.contains("in-process:") && divergence.description.contains("other bus:"))
    }
}

/// What a bus forgets about a delivery.
private enum Fault: CaseIterable {
    case returns, failures, firstFailure, redrives

    func change(_ delivery: Delivery) -> Delivery {
        let counted = Failures(count: delivery.failures.count)
        let failures = self == .failures ? Failures() : self == .firstFailure ? counted : delivery.failures
        return Delivery(
            id: delivery.id,
            message: delivery.message,
            failures: failures,
            returns: self == .returns ? 0 : delivery.returns,
            redrives: self == .redrives ? 0 : delivery.redrives
        )
    }
}

/// Changes what it delivers.
private struct FaultyBus: EventBus {
    let inner: InMemoryEventBus
    let fault: Fault

    func publish(_ messages: [Message]) async -> [PublishOutcome] { await self.inner.publish(messages) }

    func withDeliveries(
        to subscription: Subscription,
        _ body: (any Deliveries) async throws -> Void
    ) async throws {
        try await self.inner.withDeliveries(to: subscription) { deliveries in
            try await body(FaultyDeliveries(inner: deliveries, fault: self.fault))
        }
    }

    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        try await self.inner.deadLetters(of: subscription, limit: limit)
    }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.inner.redrive(subscription, limit: limit, where: isWanted)
    }

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        try await self.inner.settleDeadLetters(of: subscription, limit: limit, batch: batch, decide)
    }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        try await self.inner.unbind(patterns, from: subscription)
    }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        try await self.inner.move(subscription, to: other)
    }

    func remove(_ subscription: SubscriptionName) async throws {
        try await self.inner.remove(subscription)
    }
}

private struct FaultyDeliveries: Deliveries {
    let inner: any Deliveries
    let fault: Fault

    func next() async throws -> [Delivery]? { try await self.inner.next()?.map(self.fault.change) }
    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) { self.inner.settle(delivery, verdict) }
    func stop() { self.inner.stop() }
    func giveBack(_ deliveries: [Delivery.ID]) { self.inner.giveBack(deliveries) }
    func flush() async throws { try await self.inner.flush() }
}
