// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit
import Testing

@testable import EventBusCommands

@Suite("A plan as it is shown")
struct TopologyReportTests {
    private let accounts: Subscription
    private let plan: TopologyPlan

    init() throws {
        self.accounts = try Subscription("accounts", patterns: ["payment.*"], ordering: .perKey)
        let wanted = WantedTopology(self.accounts)
        var broker = BrokerTopology(
            exchanges: wanted.exchanges,
            queues: wanted.queues,
            bindings: Set(wanted.bindings),
            unknown: ["replicas"]
        )
        broker.queues["accounts.dead"] = nil
        broker.exchanges["events"]?.type = "direct"
        self.plan = TopologyPlan([self.accounts], on: broker)
    }

    @Test("What a person has to do comes first")
    func text() {
        #expect(
            TopologyReport.text(self.plan) == """
                2 differences in what could be compared; the rest is at the end

                refused: a person has to decide
                  exchange events  (exchange-type)
                    wanted topic, found direct
                    no consumer can open its subscription; an exchange cannot be changed: pause publishing, delete it, \
                then run `topology apply`, which declares it with its bindings

                safe: `topology apply` adds it
                  queue accounts.dead  (dead-letter-queue-missing)
                    wanted quorum, found none
                    dead letters cannot be stored; `topology apply` declares it

                not compared
                  replicas
                """
        )
    }

    @Test("JSON has the same, with names that do not change")
    func json() {
        guard case .object(let values) = TopologyReport.json(self.plan), case .array(let drifts)? = values["drifts"]
        else {
            Issue.record("not an object")
            return
        }
        #expect(values["inStep"] == .bool(false))
        #expect(values["complete"] == .bool(false))
        #expect(values["unknown"] == .array([.string("replicas")]))
        let second = JSONValue.object([
            "kind": .string("dead-letter-queue-missing"), "remedy": .string("safe"),
            "subscription": .string("accounts"),
            "object": .string("queue accounts.dead"), "wanted": .string("quorum"), "found": .string("none"),
            "advice": .string("dead letters cannot be stored; `topology apply` declares it"),
        ])
        #expect(drifts.count == 2)
        #expect(drifts.last == second)
    }

    @Test("Without the management it is not said that the broker has what the code wants")
    func incomplete() {
        let wanted = WantedTopology(self.accounts)
        let broker = BrokerTopology(exchanges: wanted.exchanges, queues: wanted.queues, unknown: ["bindings"])
        #expect(
            TopologyReport.text(TopologyPlan([self.accounts], on: broker)) == """
                no differences in what could be compared; the rest is at the end

                not compared
                  bindings
                """
        )
    }

    @Test("What was added is told, and no difference is left")
    func added() {
        let wanted = WantedTopology(self.accounts)
        let broker = BrokerTopology(exchanges: wanted.exchanges, queues: wanted.queues, bindings: Set(wanted.bindings))
        let after = TopologyPlan([self.accounts], on: broker)
        #expect(
            TopologyReport.text(after, added: self.plan.drifts(.safe)) == """
                added queue accounts.dead
                no differences: the broker has what the code wants
                """
        )
    }
}
