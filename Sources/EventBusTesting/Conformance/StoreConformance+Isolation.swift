// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    static let isolation: [Case] = [
        Case("a read in a transaction sees its own writes, others don't before the commit") { scene in
            let snail = Specimen.complete("snail")
            let renamed = snail.with { $0.name = "slug" }
            try await scene.store.transaction { transaction in
                try scene.specimens.insert(snail, in: transaction)
                try expect("own insert", try await scene.specimens.find(snail.id, in: transaction), snail)
                let byName = try await scene.specimens.find(by: Specimen.byName, "SNAIL", in: transaction)
                try expect("own insert by name", byName, snail)
                try await scene.expectMissing(snail)
                try expect("outside", try await scene.specimens.find(by: Specimen.byName, "snail"), nil)
                try scene.specimens.update(renamed, in: transaction)
                try expect("own update", try await scene.specimens.find(snail.id, in: transaction), renamed)
                let byOldName = try await scene.specimens.find(by: Specimen.byName, "snail", in: transaction)
                try expect("own update by the old name", byOldName, nil)
            }
            try await scene.expectStored(renamed)
        },
        Case("a read in a transaction sees what others have committed since it began") { scene in
            let snail = Specimen("snail")
            try await scene.store.transaction { transaction in
                let before = try await scene.specimens.find(snail.id, in: transaction)
                try expect("before the other's commit", before, nil)
                try await scene.insert(snail)
                let after = try await scene.specimens.find(snail.id, in: transaction)
                try expect("after the other's commit", after, snail)
                try scene.specimens.update(snail.with { $0.note = "seen" }, in: transaction)
            }
            try expect("note", try await scene.specimens.find(snail.id)?.note, "seen")
        },
        Case("what another transaction has committed meanwhile conflicts like anything else") { scene in
            for reads in [false, true] {
                let (mine, theirs) = (Specimen("snail \(reads)"), Specimen("SNAIL \(reads)"))
                try await scene.expectConflict(Specimen.byName) { transaction in
                    if reads { _ = try await scene.specimens.find(by: Specimen.byName, mine.name, in: transaction) }
                    try await scene.insert(theirs)
                    try scene.specimens.insert(mine, in: transaction)
                }
                try await scene.expectMissing(mine)
                try await scene.expectStored(theirs)
            }
        },
        Case("of two transactions that race for one key exactly one commits") { scene in
            for round in 0..<10 {
                // Both have begun, and in every other round both have read, before either of them writes.
                let reads = round % 2 == 0
                let arrived = Notifier()
                let outcomes = try await concurrently(2) { number in
                    let specimen = Specimen("snail \(round)").with { $0.number = Int64(number) }
                    return try await scene.winsRace(for: Specimen.byName) { transaction in
                        if reads { _ = try await scene.specimens.find(specimen.id, in: transaction) }
                        try await arrived.meet(2)
                        let numbered = specimen.with { $0.number = Int64(2 * round + number) }
                        try scene.specimens.insert(numbered, in: transaction)
                        try transaction.publish(SpecimenFound(label: "round \(round)"))
                    }
                }
                try expect("winners of round \(round)", outcomes.count { $0 }, 1)
            }
            try expect("events", try await scene.waiting(), (0..<10).map { "round \($0)" })
        },
        Case("of many transactions that race for one key exactly one commits") { scene in
            let outcomes = try await concurrently(16) { number in
                let specimen = Specimen("snail").with { $0.number = Int64(number) }
                return try await scene.winsRace(for: Specimen.byName) { transaction in
                    try scene.specimens.insert(specimen, in: transaction)
                    try transaction.publish(SpecimenFound(label: "snail"))
                }
            }
            try expect("winners", outcomes.count { $0 }, 1)
            try expect("events", try await scene.waiting(), ["snail"])
        },
        Case("transactions at the same time that have nothing in common all commit") { scene in
            let specimens = (0..<64).map { Specimen("snail \($0)") }
            _ = try await concurrently(16) { task in
                for specimen in specimens[(task * 4)..<(task * 4 + 4)] {
                    try await scene.store.transaction { transaction in
                        try scene.specimens.insert(specimen, in: transaction)
                        try transaction.publish(SpecimenFound(label: specimen.name))
                    }
                }
            }
            for specimen in specimens { try await scene.expectStored(specimen) }
            try expect("events", try await scene.waiting().sorted(), specimens.map(\.name).sorted())
        },
    ]
}

extension StoreScene {
    /// Whether the transaction commits, rather than fails with a conflict on the key.
    fileprivate func winsRace(
        for key: UniqueKey<Specimen>,
        _ body: (borrowing Transaction) async throws -> Void
    ) async throws -> Bool {
        do {
            try await self.store.transaction(body)
            return true
        } catch let error as RepositoryError where error.isConflict(on: key) {
            return false
        }
    }
}
