// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    static let handling: [Case] = [
        Case("a message is fresh once, and once for each consumer") { scene in
            try expect("first time", try await scene.mark("m1", "m2"), [true, true])
            try expect("second time", try await scene.mark("m2", "m3", "m1"), [false, true, false])
            try expect("another consumer", try await scene.mark("m1", by: "another"), [true])
            try expect("no message", try await scene.mark(), [])
        },
        Case("an id that occurs twice in a batch is fresh at its first place") { scene in
            try expect("in one batch", try await scene.mark("m1", "m2", "m1", "m1"), [true, true, false, false])
            try expect("a mix", try await scene.mark("m3", "m1", "m3"), [true, false, false])
            let (first, second) = try await scene.store.transaction { transaction in
                (
                    try await transaction.context.markHandled([.specimen("m4")], by: "conformance"),
                    try await transaction.context.markHandled([.specimen("m4")], by: "conformance")
                )
            }
            try expect("in one transaction", [first, second], [[true], [false]])
        },
        Case("ids are the same when their bytes are") { scene in
            try expect("in one batch", try await scene.mark("\u{E9}", "e\u{301}", "E\u{301}"), [true, true, true])
            try expect("again", try await scene.mark("e\u{301}"), [false])
        },
        Case("events of different sources are different although their ids are equal") { scene in
            let (first, second) = (EventIdentity(source: "/a", id: "m1"), EventIdentity(source: "/b", id: "m1"))
            let fresh = try await scene.store.transaction { transaction in
                try await transaction.context.markHandled([first, second, first], by: "conformance")
            }
            try expect("in one batch", fresh, [true, true, false])
            let another = EventIdentity(source: "/A", id: "m1")
            try expect("handled", try await scene.store.isHandled(second, by: "conformance"), true)
            try expect("another source", try await scene.store.isHandled(another, by: "conformance"), false)
        },
        Case("a mark that is rolled back is fresh again") { scene in
            try await expectChangedMind("the transaction") {
                try await scene.store.transaction { transaction in
                    _ = try await transaction.context.markHandled([.specimen("m1")], by: "conformance")
                    throw ChangedMind()
                }
            }
            try await scene.insert(Specimen("taken"))
            try await scene.expectConflict(Specimen.byName) { transaction in
                let fresh = try await transaction.context.markHandled([.specimen("m1")], by: "conformance")
                try expect("after the first rollback", fresh, [true])
                try scene.specimens.insert(Specimen("taken"), in: transaction)
            }
            try expect("after the second rollback", try await scene.mark("m1"), [true])
        },
        Case("mark, effect and event commit together") { scene in
            let snail = Specimen("snail")
            for _ in 0..<2 {
                try await scene.store.transaction { transaction in
                    guard try await transaction.context.markHandled([.specimen("m1")], by: "conformance") == [true]
                    else { return }
                    try scene.specimens.insert(snail, in: transaction)
                    try transaction.publish(SpecimenFound(label: "snail"))
                }
            }
            try await scene.expectStored(snail)
            try expect("events", try await scene.waiting(), ["snail"])
        },
        Case("duplicates that are handled at the same time have exactly one effect") { scene in
            for round in 0..<5 {
                let effects = try await concurrently(8) { _ in
                    while true {
                        do {
                            return try await scene.store.transaction { transaction in
                                let events = ["m\(round)", "n\(round)"].map(EventIdentity.specimen)
                                let fresh = try await transaction.context.markHandled(events, by: "conformance")
                                guard fresh.contains(true) else { return 0 }
                                try transaction.publish(SpecimenFound(label: "round \(round)"))
                                return 1
                            }
                        } catch let error as RepositoryError where error.isTransient {
                            // A store that cannot make the second one wait lets it try again.
                            continue
                        }
                    }
                }
                try expect("effects of round \(round)", effects.reduce(0, +), 1)
            }
            try expect("events", try await scene.waiting(), (0..<5).map { "round \($0)" })
        },
        Case("an id that cannot be stored is refused") { scene in
            try await scene.expectFailure(.invalidValue, "marking an id with NUL") { transaction in
                _ = try await transaction.context.markHandled([.specimen("m1"), .specimen("m\0")], by: "conformance")
            }
            try expect("its neighbour", try await scene.mark("m1"), [true])
        },
    ]

    static let claiming: [Case] = [
        Case("a message is handled once its transaction has committed, and not before") { scene in
            try expect("before", try await scene.store.isHandled(.specimen("m1"), by: "conformance"), false)
            try await expectChangedMind("the transaction") {
                try await scene.store.transaction { transaction in
                    _ = try await transaction.context.markHandled([.specimen("m1")], by: "conformance")
                    throw ChangedMind()
                }
            }
            try expect("after a rollback", try await scene.store.isHandled(.specimen("m1"), by: "conformance"), false)
            _ = try await scene.mark("m1")
            try expect("after the commit", try await scene.store.isHandled(.specimen("m1"), by: "conformance"), true)
            try expect("by another consumer", try await scene.store.isHandled(.specimen("m1"), by: "another"), false)
            try expect("another message", try await scene.store.isHandled(.specimen("m2"), by: "conformance"), false)
        },
        Case("starts are counted per message and consumer") { scene in
            for start in 1...3 { try expect("start", try await scene.claim("m1"), start) }
            try expect("another message", try await scene.claim("m2"), 1)
            try expect("another consumer", try await scene.claim("m1", by: "another"), 1)
            try expect("a look-alike", try await scene.claim("\u{E9}"), 1)
            try expect("its twin", try await scene.claim("e\u{301}"), 1)
            try expect("after all that", try await scene.claim("m1"), 4)
        },
        Case("starts are counted per source, and from zero after each redrive") { scene in
            func claim(_ source: String, _ id: String, _ redrive: Int) async throws -> Int {
                try await scene.store.claimStart(
                    of: EventIdentity(source: source, id: id),
                    redrive: redrive,
                    by: "conformance",
                    as: Stamp.next().id
                )
            }
            try expect("start", try await claim("/a", "m1", 0), 1)
            try expect("another source", try await claim("/b", "m1", 0), 1)
            try expect("after a redrive", try await claim("/a", "m1", 1), 1)
            try expect("an id that looks like a redrive", try await claim("/a", "m1#1", 0), 1)
            try expect("after all that", try await claim("/a", "m1", 1), 2)
        },
        Case("a start stays claimed whatever becomes of the transaction") { scene in
            try await expectChangedMind("the transaction") {
                try await scene.store.transaction { transaction in
                    _ = try await transaction.context.markHandled([.specimen("m1")], by: "conformance")
                    try expect("start", try await scene.claim("m1"), 1)
                    throw ChangedMind()
                }
            }
            try expect("start", try await scene.claim("m1"), 2)
            try expect("a claim is no mark", try await scene.mark("m1"), [true])
            try expect("a mark is no claim", try await scene.claim("m1"), 3)
        },
        Case("claims at the same time all count") { scene in
            let starts = try await concurrently(16) { _ in try await scene.claim("m1") }
            try expect("starts", starts.sorted(), Array(1...16))
        },
        Case("a claim whose answer was lost can be made again") { scene in
            let (first, second) = (Stamp.next().id, Stamp.next().id)
            try expect("start", try await scene.claim("m1", as: first), 1)
            try expect("the same start", try await scene.claim("m1", as: first), 1)
            try expect("the next start", try await scene.claim("m1", as: second), 2)
            try expect("the same start", try await scene.claim("m1", as: second), 2)
            try expect("another message", try await scene.claim("m2", as: second), 1)
            try expect("the start after it", try await scene.claim("m1"), 3)
        },
        Case("a claim of an id that cannot be stored is refused") { scene in
            try await expectError(.invalidValue, "claimStart") { _ = try await scene.claim("m\0") }
        },
    ]
}

extension StoreScene {
    fileprivate func mark(_ ids: String..., by consumer: SubscriptionName = "conformance") async throws -> [Bool] {
        try await self.store.transaction {
            try await $0.context.markHandled(ids.map(EventIdentity.specimen), by: consumer)
        }
    }

    fileprivate func claim(
        _ id: String,
        by consumer: SubscriptionName = "conformance",
        as start: Identifier = Stamp.next().id
    ) async throws -> Int {
        try await self.store.claimStart(of: .specimen(id), redrive: 0, by: consumer, as: start)
    }
}
