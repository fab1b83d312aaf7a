// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EventBusConformance {
    private static let bodies: [(name: String, bytes: [UInt8])] = [
        ("an empty body", []),
        ("a body of one NUL", [0]),
        ("a body that is no UTF-8", [0xFF, 0xFE, 0x00, 0xC3, 0x28, 0x80]),
        ("a body with every byte", (0...255).map(UInt8.init)),
        ("a body as long as one frame of RabbitMQ holds", [UInt8](repeating: 0x61, count: 131_072 - 8)),
        ("a body of 200 KB", (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }),
    ]

    private static let headerValues: [(name: String, value: HeaderValue)] = [
        ("a string", "plain"),
        ("an empty string", ""),
        ("a string beyond ASCII", "ä\u{1F4A5}\u{0}\n"),
        ("a long string", .string(String(repeating: "x", count: 20_000))),
        ("zero", 0),
        ("a small negative integer", -1),
        ("the least integer", .int(.min)),
        ("the greatest integer", .int(.max)),
        ("true", true),
        ("false", false),
        ("a floating-point number", .double(0.1)),
        ("a whole floating-point number", .double(3)),
        ("a great floating-point number", .double(-1.797e308)),
        ("a time", .timestamp(Date(timeIntervalSince1970: 1_767_225_600))),
        ("the epoch", .timestamp(Date(timeIntervalSince1970: 0))),
        ("bytes", .bytes([0, 1, 0xFF, 0xC3, 0x28])),
        ("no bytes", .bytes([])),
        ("no value", .null),
        ("an empty list", .array([])),
        ("a mixed list", .array(["a", 1, .null, .array([true, .bytes([0])])])),
        ("an empty table", .table([:])),
        ("a nested table", .table(["a": .table(["b": .array([.table(["": 1])])]), "ä": .null])),
    ]

    static let carrying: [Case] =
        [
            Case("every field of a message arrives unchanged") { scene in
                let subscription = try scene.subscription()
                let message = try Self.fullMessage(scene)
                try await scene.open(subscription) { inbox in
                    try await scene.publish([message])
                    let delivery = try await inbox.take("full")[0]
                    try expectSame(delivery.message, message)
                    inbox.settle(delivery, .done)
                    try await inbox.flush()
                }
            },
            Case("a message with as little as possible arrives unchanged") { scene in
                let subscription = try scene.subscription()
                let message = Message(
                    id: "\(scene.word)/least",
                    topic: try scene.topic(),
                    type: "",
                    version: 0,
                    source: "",
                    time: Date(timeIntervalSince1970: 0),
                    contentType: "",
                    body: []
                )
                try await scene.open(subscription) { inbox in
                    try await scene.publish([message])
                    let delivery = try await inbox.take("least")[0]
                    try expectSame(delivery.message, message)
                    inbox.settle(delivery, .done)
                    try await inbox.flush()
                }
            },
            Case("all kinds of header values arrive unchanged") { scene in
                let subscription = try scene.subscription()
                try await scene.open(subscription) { inbox in
                    for (name, value) in Self.headerValues {
                        var message = try scene.message(name)
                        message.headers = ["value": value, "neighbour": "there"]
                        try await scene.publish([message])
                        let delivery = try await inbox.take(name)[0]
                        try expect("headers with \(name)", delivery.message.headers, message.headers)
                        inbox.settle(delivery, .done)
                    }
                    try await inbox.flush()
                }
            },
        ]
        + Self.bodies.map { row in
            Case("\(row.name) arrives unchanged, also in retries and dead letters") { scene in
                let subscription = try scene.subscription()
                var message = try scene.message("m1")
                message.body = row.bytes
                message.contentType = "application/octet-stream"
                try await scene.open(subscription) { inbox in
                    try await scene.publish([message])
                    let first = try await inbox.take("m1")[0]
                    try expect("the body is unchanged", first.message.body == row.bytes)
                    inbox.settle(first, .retry(after: .seconds(1), Failures(count: 1)))
                    try await inbox.flush()
                    try await scene.harness.pass(.seconds(1))
                    let second = try await inbox.take("m1")[0]
                    try expect("the body is unchanged after a retry", second.message.body == row.bytes)
                    inbox.settle(second, .deadLetter(reason: "carried", Failures(count: 2)))
                    try await inbox.flush()
                }
                let letter = try await scene.deadLetters(of: subscription, "m1")[0]
                try expect("the dead letter's body is unchanged", letter.message.body == row.bytes)
            }
        }

    /// A message in which no field has its default.
    static func fullMessage(_ scene: Scene) throws -> Message {
        Message(
            id: "\(scene.word)/full",
            topic: try scene.topic(),
            type: "com.example.another-type/\u{e4}",
            version: 7,
            source: "https://example.com/s?a=b c",
            time: Date(timeIntervalSince1970: 1_767_225_599.999),
            orderingKey: "key/\u{e4} 1",
            contentType: "application/vnd.example+json; charset=utf-8",
            headers: [
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-number": 42,
                "x-nested": .table(["list": .array([1, "two", .bytes([3]), .null])]),
            ],
            body: [UInt8](#"{"text":"ä"}"#.utf8)
        )
    }
}

/// Throws unless a message arrived as it was published.
///
/// Times are compared to the millisecond. ``Message/requiresSubscriber`` is for the bus only and is not sent.
func expectSame(_ seen: Message, _ published: Message) throws {
    try expect("id", seen.id, published.id)
    try expect("topic", seen.topic, published.topic)
    try expect("type", seen.type, published.type)
    try expect("version", seen.version, published.version)
    try expect("source", seen.source, published.source)
    try expect(
        "time in milliseconds",
        (seen.time.timeIntervalSince1970 * 1000).rounded(),
        (published.time.timeIntervalSince1970 * 1000).rounded()
    )
    try expect("ordering key", seen.orderingKey, published.orderingKey)
    try expect("content type", seen.contentType, published.contentType)
    try expect("headers", seen.headers, published.headers)
    try expect("body", seen.body, published.body)
}
