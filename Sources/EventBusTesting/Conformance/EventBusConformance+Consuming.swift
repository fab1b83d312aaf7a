// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import Synchronization

/// The engine on top of any bus.
extension EventBusConformance {
    private struct Failed: Error {}

    static let consuming: [Case] = [
        Case("an event that fails at every attempt becomes a dead letter, and has them all again when it is redriven") {
            scene in
            let subscription = try scene.subscription()
            let calls = Calls()
            let handler: @Sendable (String) throws -> Void = { label in
                calls.add(label)
                throw Failed()
            }
            try await scene.consume(subscription, attempts: 3, handler) {
                try await scene.publish("m1")
                for round in 1...2 {
                    try await scene.pass("dead letter \(round)") {
                        try await !scene.harness.bus.deadLetters(of: subscription.name).isEmpty
                    }
                    let letter = try await scene.deadLetters(of: subscription, "m1")[0]
                    try expect("failures", letter.failures.count, 3)
                    try expect("redrives", letter.redrives, round - 1)
                    try expect("calls of the handler", calls.all.count, 3 * round)
                    if round == 1 { try await scene.redrive(subscription, count: 1) }
                }
            }
        },
        Case("an event whose handler is cancelled comes back with a return counted") { scene in
            let subscription = try scene.subscription()
            let calls = Calls()
            let handler: @Sendable (String) async throws -> Void = { label in
                calls.add(label)
                _ = try await Notifier().wait(above: 0)
            }
            try await scene.consume(subscription, handler) {
                try await scene.publish("m1")
                try await scene.pass("the handler's start") { calls.all == ["m1"] }
            }
            try await scene.open(subscription) { inbox in
                let delivery = try await inbox.take("m1")[0]
                try expect("redelivered", delivery.isRedelivered)
                try expect("failures", delivery.failures, Failures())
                inbox.settle(delivery, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        },
        Self.failingKey(shards: 1),
        Self.failingKey(shards: 4),
        Case("an event that fails keeps its place in its key when its consumer dies") { scene in
            let subscription = try scene.subscription(ordering: .perKey)
            let calls = Calls()
            try await scene.declare(subscription)
            try await scene.publish([
                scene.message("a1", key: "a"), scene.message("b1", key: "b"), scene.message("a2", key: "a"),
            ])
            for life in 1...3 {
                let handler: @Sendable (String) throws -> Void = { label in
                    guard label != "a1" || life == 3 else {
                        calls.add("a1 failed")
                        throw Failed()
                    }
                    calls.add(label)
                }
                try await scene.consume(subscription, attempts: 100, handler) {
                    let failures = calls.count("a1 failed")
                    try await scene.pass("life \(life)") {
                        life == 3 ? calls.count("a2") > 0 : calls.count("a1 failed") >= failures + 2
                    }
                }
            }
            let failures = Array(repeating: "a1 failed", count: calls.count("a1 failed"))
            try expect("key a", calls.all.filter { $0.hasPrefix("a") }, failures + ["a1", "a2"])
            try expect("the other key was handled", calls.count("b1") > 0)
        },
    ]

    private static func failingKey(shards: Int) -> Case {
        let text = "an event that fails holds back the later ones of its key and no others"
        return Case(shards == 1 ? text : "\(text), with \(shards) shards") { scene in
            let subscription = try scene.subscription(ordering: .perKey, shards: shards)
            let calls = Calls()
            let handler: @Sendable (String) throws -> Void = { label in
                calls.add(label)
                // Until the other key has been handled to its end, however long that takes.
                if label == "a1", calls.count("a1") == 1 || calls.count("b2") == 0 { throw Failed() }
            }
            try await scene.consume(subscription, attempts: 100, handler) {
                try await scene.publish([
                    scene.message("a1", key: "a"), scene.message("a2", key: "a"), scene.message("b1", key: "b"),
                    scene.message("b2", key: "b"), scene.message("a3", key: "a"),
                ])
                try await scene.pass("a3") { calls.count("a3") > 0 }
            }
            let attempts = calls.count("a1")
            try expect("attempts of a1 are 2 or more, not \(attempts)", attempts >= 2)
            try expect(
                "key a",
                calls.all.filter { $0.hasPrefix("a") },
                Array(repeating: "a1", count: attempts) + ["a2", "a3"]
            )
            try expect("key b", calls.all.filter { $0.hasPrefix("b") }, ["b1", "b2"])
        }
    }
}

/// The calls of a handler, in order.
private final class Calls: Sendable {
    private let labels = Mutex<[String]>([])

    var all: [String] { self.labels.withLock { $0 } }

    func count(_ label: String) -> Int { self.all.count { $0 == label } }

    func add(_ label: String) { self.labels.withLock { $0.append(label) } }
}

extension Scene {
    /// Runs a consumer of ``topic(_:)`` while `body` runs, then cancels it.
    func consume(
        _ subscription: Subscription,
        attempts: Int = 5,
        _ handler: @escaping @Sendable (_ label: String) async throws -> Void,
        while body: () async throws -> Void
    ) async throws {
        let topic = try self.topic()
        let consumer = EventConsumer(
            subscription.name,
            on: self.harness.bus,
            options: ConsumerOptions(
                ordering: subscription.ordering,
                shards: subscription.shards,
                retry: RetryPolicy(attempts: attempts, firstDelay: .seconds(1), factor: 1),
                // Virtual time can pass quickly.
                timeLimit: .seconds(86400)
            ),
            clock: self.harness.clock,
            logger: Logger(label: "conformance") { _ in SwiftLogNoOpLogHandler() }
        ) {
            On<Void>(topic: topic, run: { message, _ in try await handler(self.label(of: message)) })
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await consumer.run() } catch is CancellationError {}
            }
            try await consumer.untilConsuming()
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Lets time pass until something has happened.
    func pass(_ what: String, until hasHappened: () async throws -> Bool) async throws {
        self.note("wait for \(what)")
        while true {
            try Task.checkCancellation()
            await self.giveWay()
            if try await hasHappened() { return }
            try await self.harness.pass(.seconds(1))
        }
    }
}
