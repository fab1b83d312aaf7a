// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@testable import EventBusRabbit

extension RabbitIntegration {
    /// What happens to a node happens to the one on which all connections are, and all leaders of the queues: the worst of the three.
    @Suite("A RabbitMQ cluster", .enabled(if: Cluster.isSoak), .cluster, .serialized, .timeLimit(.minutes(10)))
    struct RabbitClusterTests {
        /// How long nothing may be handled after the loss of a node.
        private static let limit = Duration.seconds(15)

        @Test(
            "When the node of all clients and leaders is killed, the others take over",
            arguments: [Ordering.none, .perKey]
        )
        func killed(_ ordering: Ordering) async throws {
            try await self.survive("kill rabbit-1", "start rabbit-1", ordering: ordering)
        }

        @Test(
            "When the node of all clients and leaders is lost, the others take over every shard of a subscription",
            arguments: [("kill rabbit-1", "start rabbit-1"), ("part rabbit-1", "rejoin rabbit-1")]
        )
        func shards(_ loss: String, _ end: String) async throws {
            try await self.survive(loss, end, ordering: .perKey, shards: 4)
        }

        @Test("When it is frozen, the others take over", arguments: [Ordering.none, .perKey])
        func frozen(_ ordering: Ordering) async throws {
            try await self.survive("freeze rabbit-1", "thaw rabbit-1", ordering: ordering)
        }

        @Test("When it is cut off from the others, they take over", arguments: [Ordering.none, .perKey])
        func partitioned(_ ordering: Ordering) async throws {
            try await self.survive("part rabbit-1", "rejoin rabbit-1", ordering: ordering)
        }

        @Test("When all nodes are restarted one after the other, there are always others")
        func rollingRestart() async throws {
            try await self.survive("restart rabbit-1", "restart rabbit-2", "restart rabbit-3", ordering: .perKey)
        }

        @Test("A node in the minority confirms nothing, and nothing is lost")
        func minority() async throws {
            try await Cluster.with(clientsOn: 1) { cluster in
                let report = try await SteadyLoad.judged(on: cluster.configuration) { load in
                    for node in [2, 3] { try await Cluster.infra("freeze rabbit-\(node)") }
                    let moment = load.now
                    // What was sent before may still be answered.
                    try await eventually(within: .seconds(30), "ten seconds to be over") {
                        load.now >= moment + .seconds(10)
                    }
                    let confirmed = load.confirmed
                    try await eventually(within: .seconds(60), "twenty more to be over") {
                        load.now >= moment + .seconds(30)
                    }
                    #expect(load.confirmed == confirmed)
                    for node in [2, 3] { try await Cluster.infra("thaw rabbit-\(node)") }
                    try await self.recovers(load, from: "a minority", since: load.now)
                }
                self.expect(report)
            }
        }

        @Test("An open consumer of a cluster makes a deleted binding again")
        func repaired() async throws {
            let word = "t-\(Stamp.next().id)"
            // The probe of RabbitMQ 4.3 repeats the first pattern.
            let patterns = [try TopicPattern("\(word).first"), try TopicPattern("\(word).second")]
            let subscription = try Subscription(SubscriptionName("\(word).main"), patterns: patterns)
            let message = Message(id: word, topic: try Topic("\(word).second"), time: Stamp.next().time, body: [])
            try await Cluster.with(clientsOn: 1) { cluster in
                var configuration = cluster.configuration
                configuration.repairInterval = 0.2...0.3
                try await Broker.withBus(configuration) { bus in
                    try await bus.withDeliveries(to: subscription) { deliveries in
                        try await bus.unbind(patterns, from: subscription.name)
                        try await eventually(within: .seconds(20), "the event to be routed again") {
                            await bus.publish([message])[0].isConfirmed
                        }
                        let delivery = try #require(try await deliveries.next()?.first)
                        #expect(delivery.message == message)
                        deliveries.settle(delivery.id, .done)
                        try await deliveries.flush()
                    }
                }
            }
        }

        /// Does one thing after the other, each of which may interrupt the handling of events for a while only.
        private func survive(_ steps: String..., ordering: Ordering, shards: Int = 1) async throws {
            try await Cluster.with(clientsOn: 1) { cluster in
                let configuration = cluster.configuration
                let report = try await SteadyLoad.judged(on: configuration, ordering: ordering, shards: shards) {
                    load in
                    cluster.open()
                    // RabbitMQ 3 can lose a queue that was declared a moment before.
                    try await self.steady(load, since: load.now)
                    for step in steps {
                        let moment = load.now
                        try await Cluster.infra(step)
                        try await self.recovers(load, from: step, since: moment)
                    }
                }
                self.expect(report)
            }
            // A node of RabbitMQ 3 that comes back keeps its own view of the queues for a while, in which others' new ones are missing.
            try await Cluster.infra("restart rabbit-1")
        }

        private func recovers(_ load: SteadyLoad, from fault: String, since moment: Duration) async throws {
            // A second disturbance may follow, when leaders move or a connection is given up.
            try await self.steady(load, since: moment)
            let pause = load.longestPause(since: moment)
            print("\(fault), \(load.ordering): nothing was handled for \(pause)")
            #expect(pause <= RabbitClusterTests.limit)
        }

        private func steady(_ load: SteadyLoad, since moment: Duration) async throws {
            try await eventually(within: .seconds(120), "events to be handled steadily for three seconds") {
                load.now >= moment + .seconds(3) && load.longestPause(since: load.now - .seconds(3)) < .seconds(1)
            }
        }

        private func expect(_ report: SteadyLoad.Report) {
            print(report)
            #expect(report.violations.isEmpty)
            #expect(report.mostStarts <= SteadyLoad.attempts)
        }
    }
}
