// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    static let relaying: [Case] = [
        Case("events stay in the outbox until they are removed, and only those that are named are") { scene in
            try await scene.publish(
                SpecimenFound(label: "one"),
                SpecimenFound(label: "two"),
                SpecimenFound(label: "three")
            )
            try await scene.owning { outbox in
                let rows = try await outbox.peek(10)
                try expect("rows that come again", try await outbox.peek(10).map(\.id), rows.map(\.id))
                let rest = try await outbox.exchange(published: [rows[1].id], limit: 10, except: HeldRows())
                try expect("rows after removing two", try rest.map { try $0.label }, ["one", "three"])
                // Removing a row that is already gone is not an error.
                let same = try await outbox.exchange(published: [rows[1].id, .max], limit: 10, except: HeldRows())
                try expect("rows after removing it again", try same.map { try $0.label }, ["one", "three"])
            }
            try expect("for the next owner", try await scene.waiting(), ["one", "three"])
        },
        Case("the limit counts, and none only removes") { scene in
            for number in 0..<5 { try await scene.publish(SpecimenFound(label: "\(number)")) }
            try await scene.owning { outbox in
                let rows = try await outbox.peek(2)
                try expect("two rows", try rows.map { try $0.label }, ["0", "1"])
                let none = try await outbox.exchange(published: rows.map(\.id), limit: 0, except: HeldRows())
                try expect("rows of limit 0", none.count, 0)
                try expect("the rest", try await outbox.peek(100).map { try $0.label }, ["2", "3", "4"])
            }
        },
        Case("held topics and held rows do not come, all others do") { scene in
            try await scene.publish(
                SpecimenFound(label: "found 1"),
                SpecimenLost(label: "lost 1"),
                SpecimenFound(label: "found 2"),
                SpecimenLost(label: "lost 2")
            )
            try await scene.owning { outbox in
                let all = try await outbox.peek(10)
                let topic = HeldRows(topics: [SpecimenFound.topic])
                try expect(
                    "without a topic",
                    try await outbox.peek(10, except: topic).map { try $0.label },
                    ["lost 1", "lost 2"]
                )
                let row = HeldRows(rows: [all[0].id])
                let withoutRow = try await outbox.peek(2, except: row).map { try $0.label }
                try expect("without a row", withoutRow, ["lost 1", "found 2"])
                let both = HeldRows(topics: [SpecimenLost.topic], rows: [all[0].id])
                try expect("without both", try await outbox.peek(10, except: both).map { try $0.label }, ["found 2"])
                try expect("all again", try await outbox.peek(10).map(\.id), all.map(\.id))
            }
        },
        Case("of one ordering key only the oldest row of all comes, whatever its topic") { scene in
            try await scene.publish(
                SpecimenFound(label: "a1", key: "a"),
                SpecimenLost(label: "a2", key: "a"),
                SpecimenFound(label: "b1", key: "b"),
                SpecimenFound(label: "free 1"),
                SpecimenFound(label: "b2", key: "b"),
                SpecimenFound(label: "free 2"),
                SpecimenFound(label: "A1", key: "A")
            )
            try await scene.owning { outbox in
                let first = try await outbox.peek(10)
                try expect("first", try first.map { try $0.label }, ["a1", "b1", "free 1", "free 2", "A1"])
                let second = try await outbox.exchange(published: [first[0].id], limit: 10, except: HeldRows())
                try expect("second", try second.map { try $0.label }, ["a2", "b1", "free 1", "free 2", "A1"])
                let third = try await outbox.exchange(published: second.map(\.id), limit: 10, except: HeldRows())
                try expect("third", try third.map { try $0.label }, ["b2"])
            }
        },
        Case("what is held holds back the later rows of its key") { scene in
            try await scene.publish(
                SpecimenFound(label: "a1", key: "a"),
                SpecimenLost(label: "a2", key: "a"),
                SpecimenLost(label: "b1", key: "b"),
                SpecimenFound(label: "b2", key: "b")
            )
            try await scene.owning { outbox in
                let rows = try await outbox.peek(10)
                let row = HeldRows(rows: [rows[0].id])
                try expect("without a row", try await outbox.peek(10, except: row).map { try $0.label }, ["b1"])
                let topic = HeldRows(topics: [SpecimenFound.topic])
                try expect("without a topic", try await outbox.peek(10, except: topic).map { try $0.label }, ["b1"])
                let lost = HeldRows(topics: [SpecimenLost.topic])
                try expect("without another", try await outbox.peek(10, except: lost).map { try $0.label }, ["a1"])
            }
        },
        Case("keys are the same when their bytes are") { scene in
            try await scene.publish(
                SpecimenFound(label: "composed", key: "\u{E9}"),
                SpecimenFound(label: "decomposed", key: "e\u{301}")
            )
            try expect("events", try await scene.waiting(), ["composed", "decomposed"])
        },
        Case("a key with many waiting rows does not hide others, held or not") { scene in
            try await scene.store.transaction { transaction in
                for number in 0..<300 { try transaction.publish(SpecimenFound(label: "a\(number)", key: "a")) }
                try transaction.publish(SpecimenFound(label: "b", key: "b"))
                try transaction.publish(SpecimenFound(label: "free"))
                try transaction.publish(SpecimenLost(label: "lost", key: "c"))
            }
            try await scene.owning { outbox in
                let head = try await outbox.peek(5)[0]
                try expect("first event", try head.label, "a0")
                // They need not come together, since looking for them must not cost more the more rows wait; but
                // whoever gets no row goes to sleep, so no row has to mean that there is none.
                var seen: [String] = []
                var published: [OutboxRow.ID] = []
                while true {
                    let held = HeldRows(rows: [head.id])
                    let rows = try await outbox.exchange(published: published, limit: 5, except: held)
                    if rows.isEmpty { break }
                    published = rows.map(\.id)
                    seen += try rows.map { try $0.label }
                }
                try expect("events while a waits", seen.sorted(), ["b", "free", "lost"])
            }
        },
        Case("many held rows do not hide others") { scene in
            try await scene.store.transaction { transaction in
                for number in 0..<300 { try transaction.publish(SpecimenFound(label: "\(number)")) }
                try transaction.publish(SpecimenFound(label: "last"))
            }
            try await scene.owning { outbox in
                let rows = try await outbox.peek(300)
                let rest = try await outbox.peek(5, except: HeldRows(rows: Set(rows.map(\.id))))
                try expect("events", try rest.map { try $0.label }, ["last"])
            }
        },
        Case("what waits long comes in its order, and holds up no others") { scene in
            let (keys, count) = (7, 3000)
            try await scene.store.transaction { transaction in
                for number in 0..<count {
                    try transaction.publish(SpecimenFound(label: "\(number)", key: "\(number % keys)"))
                }
                try transaction.publish(SpecimenLost(label: "free"))
            }
            let held = HeldRows(topics: [SpecimenFound.topic])
            try await scene.owning { outbox in
                try expect("events while a topic waits", try await outbox.drain(50, except: held), ["free"])
            }
            try await scene.store.transaction { transaction in
                for key in 0..<keys {
                    try transaction.publish(SpecimenLost(label: "\(count + key)", key: "\((count + key) % keys)"))
                }
                try transaction.publish(SpecimenLost(label: "free again"))
            }
            let seen = try await scene.owning { outbox in
                try expect("events of other keys", try await outbox.drain(50, except: held), ["free again"])
                return try await outbox.drain(50).compactMap { Int($0) }
            }
            try expect("events", seen.count, count + keys)
            for key in 0..<keys {
                let ofKey = seen.filter { $0 % keys == key }
                try expect("events of key \(key)", ofKey, ofKey.sorted())
            }
        },
        Case("all keys get their turn when there are more than the limit") { scene in
            try await scene.store.transaction { transaction in
                for number in 0..<20 {
                    for key in 0..<10 {
                        try transaction.publish(SpecimenFound(label: "\(key)/\(number)", key: "\(key)"))
                    }
                }
            }
            var seen: [String] = []
            try await scene.owning { outbox in
                var published: [OutboxRow.ID] = []
                while true {
                    let rows = try await outbox.exchange(published: published, limit: 4, except: HeldRows())
                    if rows.isEmpty { return }
                    try expect("rows", rows.count <= 4)
                    published = rows.map(\.id)
                    seen += try rows.map { try $0.label }
                }
            }
            try expect("events", seen.count, 200)
            for key in 0..<10 {
                let ofKey = seen.filter { $0.hasPrefix("\(key)/") }
                try expect("events of key \(key)", ofKey, (0..<20).map { "\(key)/\($0)" })
            }
        },
    ]
}
