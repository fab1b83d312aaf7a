// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Testing

/// Programs in another language (Python with pika) that know the wire contract and nothing of this package.
@Suite(
    "Foreign programs",
    .serialized,
    .enabled(if: Servers.areServicesBuilt, Servers.reasonForSkipping),
    .timeLimit(.minutes(3))
)
struct ForeignProgramsTests {
    @Test("a message with only a body and a routing key, sent three times, opens one account")
    func foreignProducer() async throws {
        try await Self.withPayments { servers, payments in
            let id = UUID().uuidString.lowercased()
            try await Self.publish(#"{"user_id":"\#(id)","username":"eve"}"#, count: 3, to: servers)
            try await eventually(within: .seconds(30), "the account") {
                try await payments.get("/api/accounts/\(id)").status == 200
            }
            try await servers.judgeForeignMessages()
            #expect(try await servers.number("SELECT count(*) FROM payments.accounts") == 1)
        }
    }

    @Test("messages that cannot be read are dead-lettered, those around them flow")
    func unreadableMessages() async throws {
        try await Self.withPayments { servers, payments in
            let first = UUID().uuidString.lowercased()
            let last = UUID().uuidString.lowercased()
            try await Self.publish(#"{"user_id":"\#(first)"}"#, to: servers)
            let unreadable = [
                "no json", "", #"{"username":"eve"}"#, #"{"user_id":7}"#, #"{"user_id":"nobody"}"#,
                String(repeating: "[", count: 20_000), String(repeating: "x", count: 200_000),
                #"{"user_id":"\u0000"}"#,
            ]
            for body in unreadable { try await Self.publish(body, to: servers) }
            let bytes: [[UInt8]] = [[0], [0xFF, 0xFE], Array(#"{"user_id":""#.utf8) + [0xC3] + Array(#""}"#.utf8)]
            for body in bytes { try await Self.publish(Data(body), to: servers) }
            try await Self.publish(#"{"user_id":"\#(last)"}"#, to: servers)
            for id in [first, last] {
                try await eventually(within: .seconds(30), "the account of a good message") {
                    try await payments.get("/api/accounts/\(id)").status == 200
                }
            }
            let dead = unreadable.count + bytes.count
            try await eventually(within: .seconds(30), "\(dead) dead letters") {
                try await servers.messages(in: "payments.accounts.dead") == dead
            }
            try await servers.judgeForeignMessages()
            #expect(try await servers.number("SELECT count(*) FROM payments.accounts") == 2)
        }
    }

    @Test("a message of a newer version waits for a newer consumer, those around it flow")
    func newerVersion() async throws {
        try await Self.withPayments { servers, payments in
            // Of a user of its own: without an id of its own, it would be the same event as one of an older version.
            let future = UUID().uuidString.lowercased()
            try await Self.publish(#"{"user_id":"\#(future)"}"#, headers: ["x-event-version=2"], to: servers)
            let id = UUID().uuidString.lowercased()
            try await Self.publish(#"{"user_id":"\#(id)"}"#, to: servers)
            try await eventually(within: .seconds(30), "the account of the other message") {
                try await payments.get("/api/accounts/\(id)").status == 200
            }
            try await eventually(within: .seconds(30), "the newer message to wait for its next retry") {
                try await servers.messages(in: "payments.accounts.retry.1") == 1
            }
            #expect(try await servers.messages(in: "payments.accounts.dead") == 0)
        }
    }

    @Test("a foreign consumer reads user.created as the contract says")
    func foreignConsumer() async throws {
        try await Self.withPayments { servers, _ in
            try await ServiceProcess.with(.users, on: servers) { users in
                try await users.untilReady()
                let output = FileManager.default.temporaryDirectory.appending(path: "consume-\(UUID().uuidString)")
                let consumer = try RunningProcess(
                    [try Servers.require("PIKA_PYTHON"), Self.script("consume.py"), servers.rabbitURL, "user.*", "1"],
                    environment: [:],
                    output: output
                )
                try await eventually(within: .seconds(20), "the consumer to be bound") {
                    consumer.text.contains("READY")
                }
                let id = try await users.register("grace").text("id")
                #expect(await consumer.exitStatus() == 0, "\(consumer.text)")
                let line = try #require(consumer.text.split(separator: "\n").last)
                let message = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                let properties = try #require(message["properties"] as? [String: Any])
                let headers = try #require(message["headers"] as? [String: Any])
                let text = try #require(message["body"] as? String)
                let body = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
                #expect(message["routing_key"] as? String == "user.created")
                #expect(properties["type"] as? String == "user.created")
                #expect(properties["content_type"] as? String == "application/json")
                #expect(properties["delivery_mode"] as? Int == 2)
                #expect(properties["message_id"] as? String == headers["cloudEvents_id"] as? String)
                #expect(headers["cloudEvents_specversion"] as? String == "1.0")
                #expect(headers["cloudEvents_type"] as? String == "user.created")
                #expect(headers["x-event-version"] == nil)
                #expect(headers["x-ordering-key"] as? String == id)
                let bucket = (headers["x-ordering-bucket"] as? String).flatMap { Int($0) }
                #expect(bucket.map { (0..<64).contains($0) } == true)
                #expect(body["user_id"] == id)
                #expect(body["username"] == "grace")
                #expect(body["created_at"]?.hasSuffix("Z") == true)
                #expect(Set(body.keys) == ["user_id", "username", "email", "created_at"])
            }
        }
    }

    private static func withPayments(_ body: (Servers, ServiceProcess) async throws -> Void) async throws {
        try await Servers.withFresh { servers in
            try await servers.declareAudit()
            try await ServiceProcess.with(.payments, on: servers) { payments in
                try await payments.untilReady()
                try await body(servers, payments)
            }
        }
    }

    private static func publish(
        _ body: String,
        count: Int = 1,
        headers: [String] = [],
        to servers: Servers
    ) async throws {
        try await Self.publish(Data(body.utf8), count: count, headers: headers, to: servers)
    }

    private static func publish(
        _ body: Data,
        count: Int = 1,
        headers: [String] = [],
        to servers: Servers
    ) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "body-\(UUID().uuidString)")
        try body.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try await Command.run(
            [
                "sh", "-c", #"exec "$0" "$@" < "$BODY_FILE""#, try Servers.require("PIKA_PYTHON"),
                Self.script("publish.py"),
                servers.rabbitURL, "user.created", "--count", "\(count)",
            ] + headers.flatMap { ["--header", $0] },
            environment: ["BODY_FILE": file.path]
        )
    }

    private static func script(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Foreign").appending(path: name).path
    }
}
