// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension EventBusConformance {
    /// Topics that a pattern matches or not; `@` stands for a word that is unique to the run.
    private static let patterns: [(pattern: String, hears: [String], ignores: [String])] = [
        ("@.user.created", ["@.user.created"], ["@.user", "@.user.created.late", "@.user.Created", "@.userXcreated"]),
        ("@.*", ["@.a", "@.ä-1_"], ["@", "@.a.b"]),
        ("*.@", ["a.@"], ["@", "a.b.@", "a.@.b"]),
        ("@.*.created", ["@.user.created"], ["@.created", "@.a.b.created", "@.user.created.b"]),
        ("@.#", ["@", "@.a", "@.a.b.c.d"], ["a.@"]),
        ("#.@", ["@", "a.@", "a.b.c.@"], ["@.a"]),
        ("@.#.created", ["@.created", "@.a.created", "@.a.b.created", "@.created.created"], ["@", "@.created.a"]),
        ("@.*.#", ["@.a", "@.a.b", "@.a.b.c"], ["@"]),
        ("@.#.*", ["@.a", "@.a.b", "@.a.b.c"], ["@"]),
        ("@.#.#", ["@", "@.a", "@.a.b"], ["a.@"]),
        ("@.#.x.#", ["@.x", "@.a.x", "@.x.a", "@.a.x.b.x.c"], ["@", "@.a", "@.a.b"]),
        ("@.#.x.*.y", ["@.x.a.y", "@.x.x.a.y", "@.x.a.x.b.y"], ["@.x.y", "@.x.a.b.y", "@.x.a.y.z"]),
    ]

    static let routing: [Case] =
        Self.patterns.map { row in
            Case("the pattern \(row.pattern) hears \(row.hears) and not \(row.ignores)") { scene in
                let subscription = try scene.subscription(patterns: [row.pattern, "@-fence"])
                let fence = try scene.message("fence", on: Topic("\(scene.word)-fence"))
                try await scene.open(subscription) { inbox in
                    let messages = try (row.ignores + row.hears).map { name in
                        try scene.message(
                            name,
                            on: Topic(name.replacing("@", with: scene.word)),
                            requiresSubscriber: row.hears.contains(name)
                        )
                    }
                    try await scene.publish(messages + [fence])
                    let heard = try await inbox.take(count: row.hears.count + 1)
                    try expect("heard", inbox.labels(heard), row.hears + ["fence"])
                    try expect(
                        "topics",
                        heard.map(\.message.topic.name),
                        row.hears.map { $0.replacing("@", with: scene.word) } + [fence.topic.name]
                    )
                    inbox.settle(heard, .done)
                    try await inbox.flush()
                }
            }
        } + [
            Case("a message that several patterns match arrives once") { scene in
                let subscription = try scene.subscription(patterns: ["@.event", "@.*", "@.#", "#.@.event"])
                try await scene.open(subscription) { inbox in
                    try await scene.publish("m1", "m2")
                    inbox.settle(try await inbox.take("m1", "m2"), .done)
                    try await inbox.flush()
                }
                try await scene.expectNothing(subscription)
            },
            Case("each subscription gets a copy of its own") { scene in
                let first = try scene.subscription("first")
                let second = try scene.subscription("second", patterns: ["@.*"])
                try await scene.declare(first, second)
                try await scene.publish("m1", "m2")
                try await scene.open(first) { inbox in
                    inbox.settle(try await inbox.take("m1", "m2"), .done)
                    try await inbox.flush()
                }
                try await scene.open(second) { inbox in
                    inbox.settle(try await inbox.take("m1", "m2"), .done)
                    try await inbox.flush()
                }
                try await scene.expectNothing(first)
            },
            Case("patterns of an earlier scope stay bound") { scene in
                try await scene.declare(scene.subscription(patterns: ["@.early"]))
                let subscription = try scene.subscription(patterns: ["@.late"])
                try await scene.open(subscription) { inbox in
                    try await scene.publish([
                        scene.message("early", on: scene.topic("early")),
                        scene.message("late", on: scene.topic("late")),
                    ])
                    inbox.settle(try await inbox.take("early", "late"), .done)
                    try await inbox.flush()
                }
            },
        ]
}
