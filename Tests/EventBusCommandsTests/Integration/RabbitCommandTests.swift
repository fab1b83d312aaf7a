// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit
import EventBusTesting
import Foundation
import Logging
import Testing

/// A broker for the tool; none of these tests uses the management plug-in.
enum ToolBroker {
    static let url = ProcessInfo.processInfo.environment["RABBITMQ_URL"]
    static let isThere = ToolBroker.url != nil

    /// A bus and a subscription that nobody else has, which is emptied and removed afterwards.
    static func withSubscription(_ body: (RabbitEventBus, Subscription, Topic) async throws -> Void) async throws {
        let word = "tool-\(Stamp.next().id)"
        let subscription = try Subscription(SubscriptionName("\(word).main"), patterns: [TopicPattern("\(word).#")])
        let topic = try Topic("\(word).created")
        let configuration = try RabbitConfiguration(url: try #require(ToolBroker.url))
        let bus = RabbitEventBus(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { do { try await bus.run() } catch {} }
            try await bus.withDeliveries(to: subscription) { _ in }
            let result: Result<Void, any Error>
            do { result = .success(try await body(bus, subscription, topic)) } catch { result = .failure(error) }
            _ = try await ToolBroker.drain(subscription, on: bus)
            _ = try await bus.settleDeadLetters(of: subscription.name, limit: .max, batch: 500) {
                $0.map { _ in .discard }
            }
            try await bus.unbind(subscription.patterns, from: subscription.name)
            try await eventually(within: .seconds(20), "the subscription to be removed") {
                do {
                    try await bus.remove(subscription.name)
                    return true
                } catch let error as BusError where [.subscriptionInUse, .subscriptionNotEmpty].contains(error.code) {
                    return false
                }
            }
            group.cancelAll()
            try result.get()
        }
    }

    /// Takes what waits up to now; the ids in order.
    static func drain(_ subscription: Subscription, on bus: any EventBus) async throws -> [String] {
        let fence = Stamp.next()
        let topic = try Topic("\(subscription.patterns[0].text.dropLast(2)).fence")
        var ids: [String] = []
        try await bus.withDeliveries(to: subscription) { deliveries in
            _ = await bus.publish([Message(id: "\(fence.id)", topic: topic, time: fence.time, body: [])])
            var isOver = false
            while !isOver, let batch = try await deliveries.next() {
                for delivery in batch {
                    if delivery.message.id == "\(fence.id)" { isOver = true } else { ids.append(delivery.message.id) }
                    deliveries.settle(delivery.id, .done)
                }
            }
            try await deliveries.flush()
        }
        return ids
    }
}

@Suite(
    "The tool and RabbitMQ",
    .enabled(if: ToolBroker.isThere),
    .disabled(if: ToolProcess.isSkipped, ToolProcess.reason),
    .serialized,
    .timeLimit(.minutes(3))
)
struct RabbitCommandTests {
    @Test func whatIsPublishedArrives() async throws {
        try await ToolBroker.withSubscription { bus, subscription, topic in
            let result = try await ToolProcess.run(
                "publish",
                "\(topic)",
                "--id",
                "7",
                "--key",
                "ada",
                "--header",
                "a=b",
                "--json",
                input: #"{"n":1}"#
            )
            #expect(result.status == 0)
            #expect(result.out == "{\"id\":\"7\",\"topic\":\"\(topic)\"}\n")
            try await bus.withDeliveries(to: subscription) { deliveries in
                let delivery = try #require(try await deliveries.next()?.first)
                #expect(delivery.message.id == "7")
                #expect(delivery.message.orderingKey == "ada")
                #expect(delivery.message.headers == ["a": "b"])
                #expect(delivery.message.body == Array(#"{"n":1}"#.utf8))
                deliveries.settle(delivery.id, .done)
                try await deliveries.flush()
            }
            let lost = try await ToolProcess.run("publish", "nobody.\(topic)", "--body", "{}")
            #expect(lost.status == 1)
            #expect(lost.err.contains("no subscription matches it"))
            #expect(
                try await ToolProcess.run("publish", "nobody.\(topic)", "--body", "{}", "--allow-unrouted").status == 0
            )
        }
    }

    @Test func aBrokerThatIsAwayIsNotReached() async throws {
        for arguments in [["publish", "a.b", "--body", "{}"], ["tail", "a.#"], ["dead-letters", "list", "a"]] {
            let tool = try ToolProcess(arguments, environment: ["RABBITMQ_URL": "amqp://u:geheim@127.0.0.1:1"])
            #expect(try await tool.exitStatus() == 2)
            #expect(tool.err.hasPrefix("error: "))
            #expect(!(tool.err + tool.out).contains("geheim"))
        }
    }

    @Test func aTailSeesEverythingAndTakesNothing() async throws {
        try await ToolBroker.withSubscription { bus, subscription, topic in
            let tail = try ToolProcess(["tail", "\(topic)", "--json"])
            try await eventually(within: .seconds(30), "the tail to listen") { tail.err.contains("listening") }
            let counted = try ToolProcess(["tail", "\(topic)", "--count", "2", "--body"])
            try await eventually(within: .seconds(30), "the second tail to listen") {
                counted.err.contains("listening")
            }
            let messages = (1...20).map {
                Message(id: "\($0)", topic: topic, time: Stamp.next().time, body: Array("{}".utf8))
            }
            #expect(await bus.publish(messages).allSatisfy(\.isConfirmed))
            try await eventually(within: .seconds(30), "20 events") { tail.out.split(separator: "\n").count == 20 }
            tail.signal(SIGINT)
            #expect(try await tail.exitStatus() == 0)
            #expect(!tail.out.contains("\"body\""))
            #expect(try await counted.exitStatus() == 0)
            #expect(counted.out.split(separator: "\n").count == 4)
            #expect(try await ToolBroker.drain(subscription, on: bus) == messages.map(\.id))
        }
    }

    @Test func deadLettersAreLookedAtRedrivenAndDiscarded() async throws {
        try await ToolBroker.withSubscription { bus, subscription, topic in
            try await DeadLetters.bury(500, of: subscription, topic: topic, on: bus)
            let name = "\(subscription.name)"
            let groups = try await ToolProcess.run("dead-letters", "list", name, "--group-by", "reason", "--json")
            #expect(groups.out.contains("\"total\":500"))
            let list = try await ToolProcess.run("dead-letters", "list", name, "--limit", "2", "--json")
            #expect(list.out.split(separator: "\n").count == 2)
            #expect(list.err == "2 of 500 are shown, see --limit\n")
            #expect(try await ToolProcess.run("dead-letters", "show", name, "17").status == 0)
            #expect(try await ToolProcess.run("dead-letters", "show", name, "0").status == 1)
            let dry = try await ToolProcess.run("dead-letters", "redrive", name, "--dry-run", "--reason", "bad 1")
            #expect(dry.out == "167 would be redriven, 333 kept\n")
            let redriven = try await ToolProcess.run("dead-letters", "redrive", name, "--reason", "bad 1")
            #expect(redriven.out == "167 redriven, 333 kept\n")
            let again = try await ToolProcess.run("dead-letters", "redrive", name, "--reason", "bad 1")
            #expect(again.out == "0 redriven, 333 kept\n")
            let discarded = try await ToolProcess.run("dead-letters", "discard", name, "--id", "2")
            #expect(discarded.out == "1 discarded, 332 kept\n")
            #expect(try await bus.deadLetters(of: subscription.name, limit: 1000).count == 332)
            let ids = try await ToolBroker.drain(subscription, on: bus)
            #expect(ids == (1...500).filter { $0 % 3 == 1 }.map(String.init))
            #expect(try await ToolProcess.run("dead-letters", "list", "\(name).other").status == 1)
        }
    }

    @Test func aRedriveThatASignalEndsLosesNothingAndCanBeRepeated() async throws {
        try await ToolBroker.withSubscription { bus, subscription, topic in
            try await DeadLetters.bury(300, of: subscription, topic: topic, on: bus)
            let name = "\(subscription.name)"
            let slow = try ToolProcess(["dead-letters", "redrive", name, "--rate", "20/s"])
            try await eventually(within: .seconds(30), "some progress") { slow.err.contains("looked at") }
            slow.signal(SIGINT)
            #expect(try await slow.exitStatus() == 130)
            #expect(slow.out.contains("not complete: repeat it"))
            #expect(try await ToolProcess.run("dead-letters", "redrive", name).status == 0)
            #expect(try await bus.deadLetters(of: subscription.name).isEmpty)
            let ids = try await ToolBroker.drain(subscription, on: bus).compactMap(Int.init)
            #expect(Set(ids) == Set(1...300))
            #expect(ids.count <= 320)
        }
    }

    @Test func whatAnotherClientHoldsIsNotCalledComplete() async throws {
        try await ToolBroker.withSubscription { bus, subscription, topic in
            try await DeadLetters.bury(20, of: subscription, topic: topic, on: bus)
            let name = "\(subscription.name)"
            let holder = try ToolProcess(["dead-letters", "redrive", name, "--rate", "12/h"])
            // Its first batch is settled, so it holds the rest.
            try await eventually(within: .seconds(30), "the first redrive to wait") {
                try await bus.counts(of: [name])[name]?.messages ?? 0 > 0
            }
            let other = try await ToolProcess.run("dead-letters", "redrive", name, "--json")
            #expect(other.status == 3)
            #expect(other.out.contains(#""complete":false"#))
            #expect(other.out.contains(#""reason":"held""#))
            #expect(other.err.contains("end them, and repeat it"))
            #expect(try await ToolProcess.run("dead-letters", "list", name).status == 3)
            #expect(try await ToolProcess.run("dead-letters", "show", name, "20").status == 3)
            holder.signal(SIGINT)
            #expect(try await holder.exitStatus() == 130)
            let last = try await ToolProcess.run("dead-letters", "redrive", name, "--json")
            #expect(last.status == 0)
            #expect(last.out.contains(#""complete":true"#))
            #expect(Set(try await ToolBroker.drain(subscription, on: bus)) == Set((1...20).map(String.init)))
        }
    }
}
