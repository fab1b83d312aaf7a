// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    /// What a read in a transaction locks.
    static let locking: [Case] = [
        Case("who reads, computes and updates in a transaction loses nobody's update") { scene in
            let snail = Specimen("snail").with { $0.number = 0 }
            try await scene.insert(snail)
            _ = try await concurrently(8) { task in
                for round in 0..<10 {
                    try await scene.store.transaction { transaction in
                        let found =
                            (task + round) % 2 == 0
                            ? try await scene.specimens.find(snail.id, in: transaction)
                            : try await scene.specimens.find(by: Specimen.byName, "SNAIL", in: transaction)
                        guard var found else { throw ConformanceFailure("the specimen is missing") }
                        found.number = (found.number ?? 0) + 1
                        try scene.specimens.update(found, in: transaction)
                    }
                }
            }
            try expect("number", try await scene.specimens.find(snail.id)?.number, 80)
        },
        Case("who reads with a lock what another transaction has locked waits, and reads what that one has committed") {
            scene in
            for (commits, byName) in [(true, true), (true, false), (false, true), (false, false)] {
                let snail = Specimen("snail \(commits) \(byName)")
                try await scene.insert(snail)
                let outcome = try await scene.contend(firstCommits: commits) { transaction in
                    _ = try await scene.specimens.find(snail.id, in: transaction)
                    try scene.specimens.update(snail.with { $0.note = "first" }, in: transaction)
                } and: { transaction in
                    byName
                        ? try await scene.specimens.find(by: Specimen.byName, snail.name, in: transaction)?.note
                        : try await scene.specimens.find(snail.id, in: transaction)?.note
                }
                try expect("note", try outcome.get(), commits ? "first" : nil)
            }
        },
        Case("who updates what another transaction has locked waits for its end") { scene in
            let snail = Specimen("snail")
            try await scene.insert(snail)
            let outcome = try await scene.contend { transaction in
                _ = try await scene.specimens.find(by: Specimen.byName, "snail", in: transaction)
            } and: { transaction in
                try scene.specimens.update(snail.with { $0.note = "second" }, in: transaction)
            }
            try outcome.get()
            try expect("note", try await scene.specimens.find(snail.id)?.note, "second")
        },
        Case("what has lost its value while a reader waited is not found by that value") { scene in
            let (snail, slug) = (Specimen("snail"), Specimen("slug"))
            try await scene.insert(snail)
            let outcome = try await scene.contend { transaction in
                try scene.specimens.update(snail.with { $0.name = "worm" }, in: transaction)
                try scene.specimens.insert(slug.with { $0.name = "snail" }, in: transaction)
                _ = try await scene.specimens.find(snail.id, in: transaction)
            } and: { transaction in
                try await scene.specimens.find(by: Specimen.byName, "snail", in: transaction)
            }
            // Who comes after the commit finds the one that has the value now.
            guard let found = try outcome.get() else { return }
            try expect("found", found.id, slug.id)
        },
        Case("nobody waits who reads without a lock or inserts something else, and a taken key is a conflict at once") {
            scene in
            let snail = Specimen.complete("snail")
            try await scene.insert(snail)
            try await scene.store.transaction { transaction in
                _ = try await scene.specimens.find(snail.id, in: transaction)
                try await scene.expectStored(snail)
                try expect("by name", try await scene.specimens.find(by: Specimen.byName, "snail"), snail)
                try await scene.store.transaction { other in
                    let found = try await scene.specimens.find(snail.id, in: other, lock: .none)
                    try expect("in another transaction", found, snail)
                    let byName = try await scene.specimens.find(by: Specimen.byName, "snail", in: other, lock: .none)
                    try expect("in another transaction, by name", byName, snail)
                }
                try await scene.insert(Specimen("slug"))
                try await scene.expectConflict(Specimen.byName) { other in
                    try scene.specimens.insert(Specimen("Snail"), in: other)
                }
                try await scene.expectFailure(.conflict, key: Specimen.primaryKey) { other in
                    try scene.specimens.insert(snail.with { $0.name = "worm" }, in: other)
                }
            }
        },
        Case("what is not there is not locked") { scene in
            let snail = Specimen("snail")
            try await scene.store.transaction { transaction in
                try expect("found", try await scene.specimens.find(snail.id, in: transaction), nil)
                try expect(
                    "by name",
                    try await scene.specimens.find(by: Specimen.byName, "snail", in: transaction),
                    nil
                )
                try await scene.insert(snail)
            }
            try await scene.expectStored(snail)
        },
        Case("of two transactions that wait for what the other has read one fails and the other commits") { scene in
            let (left, right) = (Specimen("left"), Specimen("right"))
            try await scene.insert(left, right)
            let arrived = Notifier()
            let outcomes = try await concurrently(2) { number -> String? in
                let (own, others) = number == 0 ? (left, right) : (right, left)
                let note = "task \(number)"
                do {
                    try await scene.store.transaction { transaction in
                        _ = try await scene.specimens.find(own.id, in: transaction)
                        try await arrived.meet(2)
                        guard var found = try await scene.specimens.find(others.id, in: transaction) else { return }
                        found.note = note
                        try scene.specimens.update(found, in: transaction)
                    }
                    return note
                } catch let error as RepositoryError where error.code == .serialization {
                    return nil
                }
            }
            let winners = outcomes.compactMap { $0 }
            try expect("winners", winners.count, 1)
            let notes = [try await scene.specimens.find(left.id)?.note, try await scene.specimens.find(right.id)?.note]
            try expect("notes", notes.compactMap { $0 }, winners)
        },
    ]

    /// What an entity's version is for.
    static let versions: [Case] = [
        Case("an update stores the next version, and one of an older version fails the transaction") { scene in
            let tallies = scene.store.repository(for: Tally.self)
            let tally = Tally()
            try await scene.store.transaction { try tallies.insert(tally, in: $0) }
            try await scene.store.transaction { try tallies.update(tally.counting(1), in: $0) }
            let stored = try await tallies.find(tally.id)
            try expect("count and version", [stored?.count, stored?.version], [1, 2])
            for reads in [false, true] {
                try await scene.expectFailure(.stale, "an update of version 1, reading: \(reads)") { transaction in
                    if reads { _ = try await tallies.find(tally.id, in: transaction) }
                    try transaction.publish(SpecimenFound(label: "stale"))
                    try tallies.update(tally.counting(2), in: transaction)
                }
            }
            try expect("stored", try await tallies.find(tally.id), stored)
            try expect("events", try await scene.waiting(), [])
        },
        Case("a second update in one transaction is of the version that the first has stored") { scene in
            let tallies = scene.store.repository(for: Tally.self)
            let tally = Tally()
            try await scene.store.transaction { try tallies.insert(tally, in: $0) }
            try await scene.expectFailure(.stale, "two updates of version 1") { transaction in
                try tallies.update(tally.counting(1), in: transaction)
                try tallies.update(tally.counting(2), in: transaction)
            }
            try await scene.store.transaction { transaction in
                try tallies.update(tally.counting(1), in: transaction)
                guard let found = try await tallies.find(tally.id, in: transaction) else { return }
                try tallies.update(found.counting(2), in: transaction)
            }
            let stored = try await tallies.find(tally.id)
            try expect("count and version", [stored?.count, stored?.version], [2, 3])
        },
        Case("what is not there has no version") { scene in
            let tallies = scene.store.repository(for: Tally.self)
            try await scene.expectFailure(.notFound, "an update") { try tallies.update(Tally(), in: $0) }
        },
        Case("of many that read outside of a transaction and update, one wins each version") { scene in
            let tallies = scene.store.repository(for: Tally.self)
            let tally = Tally()
            try await scene.store.transaction { try tallies.insert(tally, in: $0) }
            _ = try await concurrently(8) { _ in
                var updates = 0
                while updates < 5 {
                    guard let found = try await tallies.find(tally.id) else { return }
                    do {
                        try await scene.store.transaction {
                            try tallies.update(found.counting(found.count + 1), in: $0)
                        }
                        updates += 1
                    } catch let error as RepositoryError where error.code == .stale {}
                }
            }
            let stored = try await tallies.find(tally.id)
            try expect("count and version", [stored?.count, stored?.version], [40, 41])
        },
    ]
}
