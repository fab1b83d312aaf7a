// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    private static let longest = String(repeating: "\u{e4}", count: 127) + "x"

    /// Changes to a message after which it is still within the limits.
    private static let allowed: [(name: String, change: @Sendable (inout Message) -> Void)] = [
        ("a type of 255 bytes", { $0.type = Self.longest }),
        ("a source of 255 bytes", { $0.source = Self.longest }),
        ("an ordering key of 255 bytes", { $0.orderingKey = Self.longest }),
        ("an empty ordering key", { $0.orderingKey = "" }),
        ("a content type of 255 bytes", { $0.contentType = String(repeating: "x", count: 255) }),
        ("a header name of 255 bytes", { $0.headers = [Self.longest: 1] }),
        ("headers as large as the limit", { $0.headers = Self.headers(bytes: Message.Limits.headerBytes) }),
        ("headers as deep as the limit", { $0.headers = Self.headers(depth: Message.Limits.headerDepth) }),
        ("a header whose name is nearly reserved", { $0.headers = ["x-attempts": 1, "cc": 1, "cloudEvents": 1] }),
    ]

    /// Changes to a message after which the bus refuses it.
    private static let refused: [(name: String, change: @Sendable (inout Message) -> Void)] = [
        ("an empty id", { $0.id = "" }),
        ("an id of 256 bytes", { $0.id = Self.longest + "x" }),
        ("a topic of 256 bytes", { $0.topic = Topic(foreign: Self.longest + "x") }),
        ("a type of 256 bytes", { $0.type = Self.longest + "x" }),
        ("a source of 256 bytes", { $0.source = Self.longest + "x" }),
        ("an ordering key of 256 bytes", { $0.orderingKey = Self.longest + "x" }),
        ("a content type of 256 bytes", { $0.contentType = Self.longest + "x" }),
        ("a header name of 256 bytes", { $0.headers = [Self.longest + "x": 1] }),
        ("a nested name of 256 bytes", { $0.headers = ["a": .array([.table([Self.longest + "x": 1])])] }),
        ("headers above the limit", { $0.headers = Self.headers(bytes: Message.Limits.headerBytes + 1) }),
        ("headers deeper than the limit", { $0.headers = Self.headers(depth: Message.Limits.headerDepth + 1) }),
        ("a body above the limit", { $0.body = [UInt8](repeating: 0, count: Message.Limits.bodyBytes + 1) }),
    ]

    private static let reserved = [
        "x-event-version", "x-ordering-key", "x-ordering-bucket", "x-attempt", "x-returns", "x-first-failed-at",
        "x-dead-reason",
        "x-dead-at", "x-death", "x-delivery-count", "x-acquired-count", "CC", "BCC", "cloudEvents_id",
        "cloudEvents_anything", "x-first-death-queue", "x-last-death-queue",
    ]

    static let limits: [Case] =
        Self.allowed.map { row in
            Case("a message with \(row.name) is carried") { scene in
                let subscription = try scene.subscription()
                var message = try scene.message("m1")
                row.change(&message)
                try await scene.open(subscription) { inbox in
                    try await scene.publish([message])
                    let delivery = try await inbox.take("m1")[0]
                    try expectSame(delivery.message, message)
                    inbox.settle(delivery, .done)
                    try await inbox.flush()
                }
            }
        } + [
            Case("an id and a topic of 255 bytes are carried, also in retries and dead letters") { scene in
                let subscription = try scene.subscription(patterns: ["@.#"])
                let padding = String(repeating: "x", count: 255 - scene.word.utf8.count - 1)
                let topic = try scene.topic(padding)
                try expect("bytes of the topic", topic.name.utf8.count, 255)
                let message = try scene.message(padding, on: topic)
                try await scene.open(subscription) { inbox in
                    try await scene.publish([message])
                    let delivery = try await inbox.take(padding)[0]
                    try expectSame(delivery.message, message)
                    inbox.settle(delivery, .retry(after: .seconds(1), Failures(count: 1)))
                    try await inbox.flush()
                    try await scene.harness.pass(.seconds(1))
                    let again = try await inbox.take(padding)[0]
                    try expectSame(again.message, message)
                    inbox.settle(again, .deadLetter(reason: "carried", Failures(count: 2)))
                    try await inbox.flush()
                }
                let letter = try await scene.deadLetters(of: subscription, padding)[0]
                try expectSame(letter.message, message)
            },
            Case("messages beyond the limits are refused, and their neighbours are carried") { scene in
                try await scene.open(scene.subscription()) { inbox in
                    for row in Self.refused {
                        var message = try scene.message("refused")
                        row.change(&message)
                        try await Self.expectRefused(message, row.name, inbox, scene)
                    }
                    for name in Self.reserved {
                        var message = try scene.message("refused")
                        message.headers = [name: 1]
                        try await Self.expectRefused(message, "the reserved header \(name)", inbox, scene)
                    }
                    try await inbox.flush()
                }
            },
        ]

    private static func expectRefused(_ message: Message, _ name: String, _ inbox: ReceivedDeliveries, _ scene: Scene)
        async throws
    {
        let outcomes = await scene.harness.bus.publish([
            try scene.message("before"), message, try scene.message("after"),
        ])
        try expect(
            "outcomes with \(name)",
            outcomes.map(\.name),
            ["confirmed", "notSent(invalidMessage)", "confirmed"]
        )
        inbox.settle(try await inbox.take("before", "after"), .done)
    }

    /// Headers of exactly the given size in bytes.
    private static func headers(bytes: Int) -> [String: HeaderValue] {
        // A table of one string takes 4 bytes of length and a type octet, 1 byte of name length, the name, 5 for the string.
        let empty = 5 + 1 + 4 + 5
        return ["long": .string(String(repeating: "x", count: bytes - empty))]
    }

    /// Headers nested exactly to the given depth.
    private static func headers(depth: Int) -> [String: HeaderValue] {
        var value: HeaderValue = 1
        for level in 1..<depth { value = level.isMultiple(of: 2) ? .array([value]) : .table(["in": value]) }
        return ["nested": value]
    }
}
