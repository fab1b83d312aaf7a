// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("The difference between code and broker")
struct TopologyComparisonTests {
    private static let all = [DriftCase.accounts, DriftCase.ordered, DriftCase.sharded]

    @Test("None, with and without the retry queues, which are declared when they are needed", arguments: [true, false])
    func none(_ withRetryQueues: Bool) {
        let broker = DriftCase.broker(for: Self.all, withRetryQueues: withRetryQueues)
        #expect(TopologyComparison.drifts(of: Self.all, on: broker) == [])
    }

    @Test("One thing that is different is one difference, of the right kind", arguments: DriftCase.all)
    func one(_ drift: DriftCase) throws {
        var broker = DriftCase.broker(for: [drift.subscription])
        drift.change(&broker)
        let drifts = TopologyComparison.drifts(of: [drift.subscription], on: broker)
        try #require(drifts.count == 1, "\(drifts)")
        #expect(drifts[0].kind == drift.kind)
        #expect(drifts[0].remedy == drift.remedy)
        #expect(drifts[0].object == drift.object)
        #expect(drifts[0].found.contains(drift.found), "\(drifts[0].found)")
        #expect(!drifts[0].advice.isEmpty)
        #expect(drifts[0].wanted != drifts[0].found)
    }

    @Test("Every kind has a case")
    func everyKind() {
        #expect(Set(DriftCase.all.map(\.kind)) == Set(DriftKind.allCases))
    }

    @Test("On an empty broker everything is missing and can be added")
    func empty() {
        let drifts = TopologyComparison.drifts(of: Self.all, on: BrokerTopology(bindings: [], isComplete: true))
        #expect(drifts.allSatisfy { $0.remedy == .safe })
        // Exchanges: events and two of shards. Queues: 3 + 2 + 1 + 4 + 1. Bindings: 2 + 2, and 64 buckets, keyless, 2.
        #expect(drifts.count == 3 + 11 + 71)
        #expect(Set(drifts.map(\.object)).count == drifts.count, "each is told once")
    }

    @Test("What AMQP cannot tell is no difference")
    func withoutManagement() {
        var broker = DriftCase.broker(for: Self.all)
        broker.bindings = nil
        broker.isComplete = false
        for name in broker.queues.keys {
            broker.queues[name]?.members = []
            broker.queues[name]?.online = nil
            broker.queues[name]?.messages = nil
        }
        #expect(TopologyComparison.drifts(of: Self.all, on: broker) == [])
    }

    @Test("What is missing comes with the new queues if queues have to be made anew")
    func missingBesideMove() {
        var broker = DriftCase.broker(for: [DriftCase.accounts, DriftCase.ordered])
        broker.queues["accounts"]?.arguments["x-delivery-limit"] = 5
        broker.queues["accounts.dead"] = nil
        broker.queues["ordered.dead"] = nil
        let drifts = TopologyComparison.drifts(of: [DriftCase.accounts, DriftCase.ordered], on: broker)
        #expect(drifts.map(\.object) == ["queue accounts", "queue accounts.dead", "queue ordered.dead"])
        #expect(drifts.map(\.remedy) == [.move, .move, .safe])
    }

    @Test("With another number of shards nothing is added: a key would be in two of them")
    func otherShards() {
        var broker = DriftCase.broker(for: [DriftCase.subscription("sharded", .perKey, shards: 2)])
        broker.queues["sharded.dead"] = nil
        let drifts = TopologyComparison.drifts(of: [DriftCase.sharded], on: broker)
        #expect(drifts.map(\.kind) == [.shards])
        #expect(drifts.map(\.wanted) == ["4 shards"])
        #expect(drifts.map(\.found) == ["2 shards"])
    }

    @Test("A queue of another type has other arguments too, which are not told")
    func otherType() {
        var broker = DriftCase.broker(for: [DriftCase.accounts])
        broker.queues["accounts"] = TopologyQueue("accounts", arguments: ["x-max-priority": 5, "x-message-ttl": 5])
        let drifts = TopologyComparison.drifts(of: [DriftCase.accounts], on: broker)
        #expect(drifts.map(\.kind) == [.queueType])
    }

    @Test("The subscriptions of a broker are the queues with dead letters")
    func subscriptions() {
        var broker = DriftCase.broker(for: Self.all)
        broker.queues["somebody.else"] = TopologyQueue("somebody.else", arguments: [:])
        #expect(broker.subscriptions == ["accounts", "ordered", "sharded"])
    }
}
