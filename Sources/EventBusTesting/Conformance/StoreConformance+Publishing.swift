// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension StoreConformance {
    static let publishing: [Case] = [
        Case("events commit with the writes, and without any") { scene in
            let snail = Specimen("snail")
            try await scene.store.transaction { transaction in
                try scene.specimens.insert(snail, in: transaction)
                try transaction.publish(SpecimenFound(label: "one"))
                try expect("nothing is in the outbox before the commit", try await scene.waiting().isEmpty)
            }
            try await scene.publish(SpecimenLost(label: "two"))
            try await scene.expectStored(snail)
            try expect("events", try await scene.waiting(), ["one", "two"])
        },
        Case("a message comes out of the outbox as it went in") { scene in
            let plain = try Message(SpecimenFound(label: "plain", key: "key \u{E9}"))
            let headers: [String: HeaderValue] = [
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "int": 7, "bool": true,
                "double": .double(0.5), "time": .timestamp(Date(timeIntervalSince1970: 1_767_225_600)),
                "bytes": .bytes([0, 255]), "null": .null, "list": .array([1, "two", .array([])]),
                "table": .table(["nested": .table(["text": "\u{1F40C}"])]),
            ]
            let rich = Message(
                id: "not a UUID \u{E9}",
                topic: "conformance.rich",
                type: "another.type",
                version: 9,
                source: "/conformance/\u{E9}",
                time: Date(timeIntervalSince1970: 1_767_225_600.123),
                orderingKey: nil,
                requiresSubscriber: true,
                contentType: "application/octet-stream",
                headers: headers,
                body: [UInt8](0...255)
            )
            let empty = Message(id: "empty", topic: "conformance.empty", time: Date(timeIntervalSince1970: 0), body: [])
            try await scene.store.transaction { transaction in
                for message in [plain, rich, empty] { try transaction.context.publish(message) }
            }
            let rows = try await scene.owning { try await $0.peek(10) }
            try expect("messages", rows.map(\.message), [plain, rich, empty])
        },
        Case("an event of a megabyte comes out of the outbox") { scene in
            let label = String(repeating: "0123456789abcdef", count: 65_536)
            try await scene.publish(SpecimenFound(label: label))
            try expect("the event comes back", try await scene.waiting() == [label])
        },
        Case("events keep their order within a transaction and over transactions") { scene in
            let labels = (0..<30).map { "event \($0)" }
            for start in stride(from: 0, to: 30, by: 3) {
                try await scene.store.transaction { transaction in
                    try transaction.publish(SpecimenFound(label: labels[start]))
                    try transaction.publish(SpecimenLost(label: labels[start + 1]))
                    if start % 2 == 0 { _ = try await scene.specimens.find(Stamp.next().id, in: transaction) }
                    try transaction.publish(SpecimenFound(label: labels[start + 2]))
                }
            }
            let rows = try await scene.owning { try await $0.peek(100) }
            try expect("events", try rows.map { try $0.label }, labels)
            try expect("ids rise", zip(rows, rows.dropFirst()).allSatisfy { $0.id < $1.id })
        },
        Case("the oldest waiting event is known") { scene in
            let times = [3.0, 1.0, 2.0].map { Date(timeIntervalSince1970: 1_767_225_600 + $0) }
            try expect("oldest of none", try await scene.store.outbox.oldest(), nil)
            for time in times {
                try await scene.store.transaction { transaction in
                    let message = Message(id: "m \(time)", topic: SpecimenFound.topic, time: time, body: [])
                    try transaction.context.publish(message)
                }
            }
            try expect("oldest", try await scene.store.outbox.oldest(), times[0])
            try await scene.owning { outbox in
                let rows = try await outbox.peek(10)
                _ = try await outbox.exchange(published: [rows[0].id], limit: 0, except: HeldRows())
                try expect("next oldest", try await scene.store.outbox.oldest(), times[1])
                _ = try await outbox.exchange(published: rows.dropFirst().map(\.id), limit: 0, except: HeldRows())
            }
            try expect("oldest of none", try await scene.store.outbox.oldest(), nil)
        },
        Case("a commit that adds events wakes everybody who waits for one") { scene in
            let outbox = scene.store.outbox
            let level = outbox.commitCount
            try await withThrowingTaskGroup(of: UInt64.self) { group in
                for _ in 0..<3 { group.addTask { try await outbox.commits(after: level) } }
                try await scene.publish(SpecimenFound(label: "one"))
                for try await seen in group { try expect("level \(seen) is above \(level)", seen > level) }
            }
        },
        Case("who comes late has not missed the commit") { scene in
            let outbox = scene.store.outbox
            for round in 0..<20 {
                let level = outbox.commitCount
                try await scene.publish(SpecimenFound(label: "round \(round)"))
                let seen = try await outbox.commits(after: level)
                try expect("level \(seen) is above \(level)", seen > level)
                try expect("the level stays", outbox.commitCount >= seen)
            }
        },
        Case("waiting for a commit ends with cancellation") { scene in
            let outbox = scene.store.outbox
            let level = outbox.commitCount
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await expectCancellation("commits(after:)") { _ = try await outbox.commits(after: level) }
                }
                group.cancelAll()
                try await group.waitForAll()
            }
            try await scene.publish(SpecimenFound(label: "one"))
            _ = try await outbox.commits(after: level)
        },
    ]
}
