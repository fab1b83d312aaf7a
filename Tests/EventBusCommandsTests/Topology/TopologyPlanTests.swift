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
        try self.plan(change).additions.map(\.name.description)
    }

    private func plan(_ change: (inout BrokerTopology) -> Void) throws -> TopologyPlan {
        let subscriptions = [try Self.subscription("a"), try Self.subscription("b")]
        let wanted = subscriptions.map(WantedTopology.init)
        var broker = BrokerTopology(
            exchanges: wanted.flatMap(\.exchanges),
            queues: wanted.flatMap(\.queues),
            bindings: Set(wanted.flatMap(\.bindings))
        )
        change(&broker)
        return TopologyPlan(subscriptions, on: broker)
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

    @Test("What is declared counts as added, whatever the management says afterwards, and nothing else")
    func added() throws {
        let before = try self.plan {
            $0.queues["a.dead"] = nil
            $0.queues["b"]?.isExclusive = true
            $0.queues["b.dead"] = nil
        }
        #expect(before.added.map(\.object) == ["queue a.dead"])
        // The management answers as before.
        let after = before.without(before.added)
        #expect(after.drifts.map(\.object) == ["queue b", "queue b.dead"])
        #expect(try self.plan { $0.exchanges["events"] = nil }.added.map(\.object) == ["exchange events"])
        let other = try self.plan {
            $0.exchanges["events"]?.refusal = "something new"
            $0.queues["a.dead"] = nil
        }
        #expect(other.added == [])
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
