// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("The wire contract's queues")
struct TopologyTests {
    /// What other versions of this package and other programs rely on: RabbitMQ refuses every difference.
    private static let plain = ["x-delivery-limit=1000000", "x-queue-type=quorum"]

    private func arguments(of subscription: Subscription) -> [String: [String]] {
        let retries = subscription.retryDelays.map { delay in
            (
                name: Topology.retry(subscription.name, delay),
                arguments: Topology.retryArguments(of: subscription.name, delay)
            )
        }
        let queues = Topology.queues(of: subscription) + retries
        let named = queues.map { queue in
            (
                queue.name,
                queue.arguments.map { name, value in
                    switch value {
                    case .string(let text): "\(name)=\(text)"
                    case .int(let number): "\(name)=\(number)"
                    case .bool(let flag): "\(name)=\(flag)"
                    default: "\(name)=\(value)"
                    }
                }.sorted()
            )
        }
        return Dictionary(uniqueKeysWithValues: named)
    }

    private func deadLettering(to queue: String) -> [String] {
        [
            "x-dead-letter-exchange=", "x-dead-letter-routing-key=\(queue)", "x-dead-letter-strategy=at-least-once",
            "x-overflow=reject-publish",
        ]
    }

    @Test(
        "An unordered subscription has its own queue, one per delay that is used, the quarantine and the dead letters"
    )
    func unordered() throws {
        let subscription = try Subscription("s", patterns: ["a"], retryDelays: [.seconds(1), .seconds(120)])
        let expected = [
            "s": self.deadLettering(to: "s.dead") + Self.plain,
            "s.retry.1": self.deadLettering(to: "s") + Self.plain + ["x-message-ttl=1000"],
            "s.retry.120": self.deadLettering(to: "s") + Self.plain + ["x-message-ttl=120000"],
            "s.quarantine": self.deadLettering(to: "s.dead") + Self.plain,
            "s.dead": Self.plain,
        ]
        #expect(self.arguments(of: subscription) == expected.mapValues { $0.sorted() })
    }

    @Test("Until a message is to be delivered again, there are no retry queues")
    func initial() throws {
        #expect(
            Topology.queues(of: try Subscription("s", patterns: ["a"])).map(\.name) == ["s", "s.quarantine", "s.dead"]
        )
    }

    @Test("An ordered subscription without delays has two queues")
    func ordered() throws {
        let subscription = try Subscription("s", patterns: ["a"], ordering: .perKey, retryDelays: [])
        let expected = [
            "s": self.deadLettering(to: "s.dead") + Self.plain + ["x-single-active-consumer=true"],
            "s.dead": Self.plain,
        ]
        #expect(self.arguments(of: subscription) == expected.mapValues { $0.sorted() })
    }

    @Test("Queues that nobody declares any longer are looked for all the same")
    func former() {
        let seconds = [1, 10, 120, 600, 3600, 21600, 86400, 5, 30]
        #expect(Topology.retryQueues(of: "s") == seconds.map { "s.retry.\($0)" })
        #expect(Topology.furtherQueues(of: "s").suffix(2) == ["s.quarantine", "s.dead"])
    }

    @Test("Only a queue with other arguments is said to be worth making anew")
    func renewal() {
        func message(_ text: String) -> String {
            let failure = ConnectionFailure(.channelClosed(406), text)
            return Declaration.retryQueue(of: "s", .seconds(1)).error(failure, after: nil).message
        }
        let text = "406 PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 's.retry.1'"
        #expect(message(text).hasPrefix("RabbitMQ: queue s.retry.1: \(text); RabbitEventBus.renewQueues(of:)"))
        let other = "406 PRECONDITION_FAILED - invalid arg 'x-delivery-limit' for queue 's.retry.1'"
        #expect(message(other) == "RabbitMQ: queue s.retry.1: \(other)")
    }
}
