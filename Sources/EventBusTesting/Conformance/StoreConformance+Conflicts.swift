// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    static let conflicts: [Case] = [
        Case("a key that is taken is a conflict on that key, and nothing of the transaction remains") { scene in
            let snail = Specimen.complete("snail")
            try await scene.insert(snail)
            let witness = Specimen("witness")
            let rivals: [(key: UniqueKey<Specimen>, specimen: Specimen)] = [
                (Specimen.byName, Specimen("snail")), (Specimen.byName, Specimen("SnAiL")),
                (Specimen.byCode, Specimen("a").with { $0.code = "code of snail" }),
                (Specimen.byNumber, Specimen("b").with { $0.number = 42 }),
            ]
            for (key, rival) in rivals {
                try await scene.expectConflict(key) { transaction in
                    try scene.specimens.insert(witness, in: transaction)
                    try transaction.publish(SpecimenFound(label: "witness"))
                    try scene.specimens.insert(rival, in: transaction)
                    try transaction.publish(SpecimenFound(label: "rival"))
                }
                try await scene.expectMissing(witness, rival)
            }
            try await scene.expectStored(snail)
            try expect("events", try await scene.waiting(), [])
        },
        Case("an id that is taken is a conflict on the primary key") { scene in
            let snail = Specimen("snail")
            try await scene.insert(snail)
            try await scene.expectFailure(.conflict, key: Specimen.primaryKey) { transaction in
                try scene.specimens.insert(snail.with { $0.name = "slug" }, in: transaction)
            }
            try await scene.expectStored(snail)
        },
        Case("an update into a key that is taken is a conflict") { scene in
            let snail = Specimen.complete("snail")
            let slug = Specimen("slug")
            try await scene.insert(snail, slug)
            try await scene.expectConflict(Specimen.byName) { transaction in
                try scene.specimens.update(slug.with { $0.name = "SNAIL" }, in: transaction)
            }
            try await scene.expectConflict(Specimen.byNumber) { transaction in
                try scene.specimens.update(slug.with { $0.number = 42 }, in: transaction)
            }
            try await scene.expectStored(snail, slug)
        },
        Case("two writes of one transaction conflict like any others") { scene in
            let (one, two) = (Specimen("snail"), Specimen("Snail"))
            try await scene.expectConflict(Specimen.byName) { transaction in
                try scene.specimens.insert(one, in: transaction)
                try scene.specimens.insert(two, in: transaction)
            }
            try await scene.expectFailure(.conflict, key: Specimen.primaryKey) { transaction in
                try scene.specimens.insert(one, in: transaction)
                try scene.specimens.insert(one.with { $0.name = "slug" }, in: transaction)
            }
            try await scene.expectMissing(one, two)
        },
        Case("an update of what is not there fails the transaction with notFound") { scene in
            let snail = Specimen("snail")
            let witness = Specimen("witness")
            for reads in [false, true] {
                try await scene.expectFailure(.notFound, "an update") { transaction in
                    if reads { _ = try await scene.specimens.find(snail.id, in: transaction) }
                    try scene.specimens.insert(witness, in: transaction)
                    try scene.specimens.update(snail, in: transaction)
                    try transaction.publish(SpecimenFound(label: "snail"))
                }
                try await scene.expectMissing(snail, witness)
            }
            try expect("events", try await scene.waiting(), [])
        },
        Case("a conflict frees the keys that its transaction had taken") { scene in
            try await scene.insert(Specimen("taken"))
            let snail = Specimen.complete("snail")
            try await scene.expectConflict(Specimen.byName) { transaction in
                try scene.specimens.insert(snail, in: transaction)
                try scene.specimens.insert(Specimen("taken"), in: transaction)
            }
            try await scene.insert(snail)
            try await scene.expectStored(snail)
        },
    ]
}
