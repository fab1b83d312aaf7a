// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    static let listing: [Case] = [
        Case("dead letters are listed oldest first, at most as many as asked for") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", "m2", "m3", "m4", "m5", of: subscription)
            for limit in [2, 0, 5, 100, 1] {
                let letters = try await scene.harness.bus.deadLetters(of: subscription.name, limit: limit)
                let expected = ["m1", "m2", "m3", "m4", "m5"].prefix(limit)
                try expect("dead letters with a limit of \(limit)", scene.labels(letters), Array(expected))
            }
        },
        Case("listing changes nothing: dead letters stay where they are, in order") { scene in
            let subscription = try scene.subscription()
            try await scene.bury("m1", "m2", "m3", of: subscription)
            let first = try await scene.deadLetters(of: subscription, "m1", "m2", "m3")
            try expect("redrives", first.map(\.redrives), [0, 0, 0])
            // A broker may count each look as a return.
            for _ in 0..<50 {
                let partly = try await scene.harness.bus.deadLetters(of: subscription.name, limit: 2)
                try expect("the first two dead letters are as they were", partly == Array(first.prefix(2)))
                let again = try await scene.deadLetters(of: subscription, "m1", "m2", "m3")
                try expect("the dead letters are as they were", again == first)
            }
            try await scene.bury("m4", of: subscription)
            _ = try await scene.deadLetters(of: subscription, "m1", "m2", "m3", "m4")
        },
        Case("many dead letters keep their order, however many of them are looked at") { scene in
            let subscription = try scene.subscription()
            let labels = (1...40).map { "m\($0)" }
            try await scene.bury(labels, of: subscription)
            for limit in [3, 12, 40, 33, 40] {
                let letters = try await scene.harness.bus.deadLetters(of: subscription.name, limit: limit)
                try expect("dead letters with a limit of \(limit)", scene.labels(letters), Array(labels.prefix(limit)))
            }
        },
        Case("a subscription without dead letters lists none and redrives none") { scene in
            let subscription = try scene.subscription()
            try await scene.declare(subscription)
            _ = try await scene.deadLetters(of: subscription)
            try await scene.redrive(subscription, count: 0)
            try await scene.expectNothing(subscription)
        },
        Case("a subscription that does not exist has no dead letters to list or to redrive") { scene in
            let unknown = try scene.subscription("unknown").name
            try await scene.expectUnknown { _ = try await scene.harness.bus.deadLetters(of: unknown) }
            try await scene.expectUnknown { _ = try await scene.harness.bus.redrive(unknown) }
        },
    ]
}

extension Scene {
    /// Publishes messages and makes dead letters of them; nothing else waits in the subscription.
    func bury(_ labels: String..., of subscription: Subscription) async throws {
        try await self.bury(labels, of: subscription)
    }

    func bury(_ labels: [String], of subscription: Subscription) async throws {
        try await self.open(subscription) { inbox in
            for label in labels {
                try await self.publish(label)
                let failures = Failures(count: 5, firstAt: EventBusConformance.firstFailure)
                inbox.settle(try await inbox.take(label), .deadLetter(reason: "no use", failures))
                try await inbox.flush()
            }
        }
    }

    func labels(_ letters: [DeadLetter]) -> [String] { letters.map { self.label(of: $0.message) } }

    /// Redrives dead letters and expects their number.
    func redrive(
        _ subscription: Subscription,
        count: Int,
        limit: Int = 100,
        where isWanted: @Sendable (DeadLetter) -> Bool = { _ in true }
    ) async throws {
        self.note("redrive \(count) dead letters")
        let redriven = try await self.harness.bus.redrive(subscription.name, limit: limit, where: isWanted)
        try expect("dead letters that were redriven", redriven, count)
    }

    func expectUnknown(_ body: () async throws -> Void) async throws {
        try await self.expectError(.unknownSubscription, body)
    }

    func expectError(_ code: BusError.Code, _ body: () async throws -> Void) async throws {
        self.note("wait for error \(code)")
        do {
            try await body()
            throw ConformanceFailure("nothing was thrown instead of \(code)")
        } catch let error as BusError {
            try expect("error code", error.code, code)
        }
    }
}
