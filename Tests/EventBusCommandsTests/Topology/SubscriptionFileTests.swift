// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import Foundation
import Testing

@testable import EventBusCommands

@Suite("The file with the subscriptions of an application")
struct SubscriptionFileTests {
    private func read(_ text: String) throws -> [Subscription] {
        try SubscriptionFile.subscriptions(in: Data(text.utf8), of: "shop.json")
    }

    @Test("What can be left out is as the library has it")
    func defaults() throws {
        let text = #"{"subscriptions": [{"name": "accounts", "patterns": ["payment.*", "user.created"]}]}"#
        #expect(try self.read(text) == [try Subscription("accounts", patterns: ["payment.*", "user.created"])])
    }

    @Test("With shards a subscription is ordered, and has no retry queues unless they are named")
    func sharded() throws {
        let text = #"{"subscriptions": [{"name": "a", "patterns": ["u.#"], "shards": 4, "retryDelays": [10, 1]}]}"#
        let read = try self.read(text)
        #expect(
            read == [
                try Subscription(
                    "a",
                    patterns: ["u.#"],
                    ordering: .perKey,
                    shards: 4,
                    retryDelays: [.seconds(1), .seconds(10)]
                )
            ]
        )
    }

    @Test("What export writes is read as the same")
    func roundTrip() throws {
        let subscriptions = [
            try Subscription("accounts", patterns: ["payment.*"], retryDelays: [.seconds(600)]),
            try Subscription(
                "orders",
                patterns: ["order.#", "#.paid"],
                ordering: .perKey,
                shards: 16,
                retryDelays: []
            ),
        ]
        #expect(try self.read(SubscriptionFile.text(of: subscriptions).text) == subscriptions)
    }

    @Test(
        "An error names the file, the place and the rule",
        arguments: [
            (#"{"#, "is not JSON"),
            (#"{}"#, "subscriptions is missing"),
            (#"{"subscriptions": []}"#, "has no subscription"),
            (#"{"subscriptions": [{"name": "a"}]}"#, "patterns is missing"),
            (#"{"subscriptions": [{"name": 1, "patterns": []}]}"#, "name has another type"),
            (#"{"subscriptions": [{"name": "a", "patterns": ["b"], "shard": 4}]}"#, "shard: is none of"),
            (#"{"subscriptions": [{"name": "a", "patterns": []}]}"#, "subscription a: has no pattern"),
            (#"{"subscriptions": [{"name": "a.dead", "patterns": ["b"]}]}"#, "reserved"),
            (
                #"{"subscriptions": [{"name": "a", "patterns": ["b"], "ordered": false, "shards": 2}]}"#,
                "without per-key order"
            ),
            (#"{"subscriptions": [{"name": "a", "patterns": ["b"], "retryDelays": [7]}]}"#, "one of the ladder's"),
            (
                #"{"subscriptions": [{"name": "a", "patterns": ["b"]}, {"name": "a", "patterns": ["c"]}]}"#,
                "a is there twice"
            ),
        ]
    )
    func errors(_ text: String, _ rule: String) throws {
        let error = try #require(throws: CommandError.self) { try self.read(text) }
        #expect(error.exit == CommandExit.usage)
        #expect(error.description.contains("shop.json"))
        #expect(error.description.contains(rule), "\(error)")
    }
}
