// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    /// Pairs of messages that are not the same event although they look alike.
    private static let lookalikes: [(difference: String, change: @Sendable (inout Message, Scene) throws -> Void)] = [
        ("source", { message, _ in message.source = "/elsewhere" }),
        ("topic", { message, scene in message.topic = try scene.topic("other") }),
        ("body", { message, _ in message.body += [0] }),
        ("the way in which a character of the id is composed", { message, _ in message.id = "e\u{301}" }),
        ("the way in which a character of the source is composed", { message, _ in message.source = "/e\u{301}" }),
    ]

    static let identifying: [Case] = Self.lookalikes.map { row in
        Case("two events that differ only in \(row.difference) stay two in retries, dead letters and redrives") {
            scene in
            let subscription = try scene.subscription(patterns: ["@.#"])
            var first = try scene.message("twin")
            first.id = "\u{e9}"
            first.source = "/\u{e9}"
            var second = first
            try row.change(&second, scene)
            let messages = [first, second]
            func expectBoth(_ what: String, _ seen: [Message]) throws {
                try expect("the ids of \(what)", seen.map { Array($0.id.utf8) }, messages.map { Array($0.id.utf8) })
                try expect(
                    "the sources of \(what)",
                    seen.map { Array($0.source.utf8) },
                    messages.map { Array($0.source.utf8) }
                )
                try expect("the topics of \(what)", seen.map(\.topic), messages.map(\.topic))
                try expect("the bodies of \(what)", seen.map(\.body), messages.map(\.body))
            }
            try await scene.open(subscription) { inbox in
                try await scene.publish(messages)
                let fresh = try await inbox.take(count: 2)
                try expectBoth("what is published", fresh.map(\.message))
                inbox.settle(fresh, .retry(after: .seconds(1), Failures(count: 1)))
                try await inbox.flush()
                try await scene.harness.pass(.seconds(1))
                let retried = try await inbox.take(count: 2)
                try expectBoth("what is retried", retried.map(\.message))
                inbox.settle(retried, .deadLetter(reason: "no use", Failures(count: 2)))
                try await inbox.flush()
                try expectBoth(
                    "dead letters",
                    try await scene.harness.bus.deadLetters(of: subscription.name).map(\.message)
                )
                try await scene.redrive(subscription, count: 2)
                let redriven = try await inbox.take(count: 2)
                try expectBoth("what is redriven", redriven.map(\.message))
                inbox.settle(redriven, .done)
                try await inbox.flush()
            }
            try await scene.expectNothing(subscription)
        }
    }
}
