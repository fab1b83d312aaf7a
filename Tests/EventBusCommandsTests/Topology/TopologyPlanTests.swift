// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit
import Testing

@Suite("What is added to a broker")
struct TopologyPlanTests {
    private static func subscription(_ name: SubscriptionName, _ ordering: Ordering = .none) throws -> Subscription {
        try Subscription(name, patterns: ["payment.*"], ordering: ordering)
    }

    /// Two subscriptions, `a` and `b`, of which a broker has everything, except for what is changed.
    private func additions(_ change: (inout BrokerTopology) -> Void) throws -> [String] {
        let subscriptions = [try Self.subscription("a"), try Self.subscription("b")]
        let wanted = subscriptions.map(WantedTopology.init)
        var broker = BrokerTopology(
            exchanges: wanted.flatMap(\.exchanges),
            queues: wanted.flatMap(\.queues),
            bindings: Set(wanted.flatMap(\.bindings))
        )
        change(&broker)
        return TopologyPlan(subscriptions, on: broker).additions.map(\.name.description)
    }

    @Test("Nothing, when nothing is missing")
    func none() throws {
        #expect(try self.additions { _ in } == [])
    }

    @Test("Only where something is missing")
    func one() throws {
        #expect(try self.additions { $0.queues["b.dead"] = nil } == ["b"])
    }

    @Test("Everywhere, when the exchange is missing or bindings are unknown")
    func all() throws {
        #expect(try self.additions { $0.exchanges["events"] = nil } == ["a", "b"])
        #expect(try self.additions { $0.bindings = nil } == ["a", "b"])
    }

    @Test("Nowhere, when the exchange is another one")
    func otherExchange() throws {
        let added = try self.additions {
            $0.exchanges["events"]?.type = "fanout"
            $0.queues["b.dead"] = nil
        }
        #expect(added == [])
    }

    @Test("Not where queues have to be made anew, or belong to somebody else")
    func blocked() throws {
        let added = try self.additions {
            $0.bindings = nil
            $0.queues["a"]?.arguments["x-delivery-limit"] = 5
            $0.queues["a.dead"] = nil
        }
        #expect(added == ["b"])
        #expect(
            try self.additions {
                $0.bindings = nil; $0.queues["b"]?.isExclusive = true
            } == ["a"]
        )
    }

    @Test("A policy that limits a queue does not keep anything from being added")
    func policy() throws {
        let added = try self.additions {
            $0.queues["a"]?.policy["max-length"] = 5
            $0.queues["a.dead"] = nil
        }
        #expect(added == ["a"])
    }
}
