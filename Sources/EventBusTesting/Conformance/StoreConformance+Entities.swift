// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    static let entities: [Case] = [
        Case("an entity comes back with every value, by its id and by each key") { scene in
            let snail = Specimen.complete("snail")
            try await scene.insert(snail, Specimen("slug"))
            try await scene.expectStored(snail)
            try expect("by name", try await scene.specimens.find(by: Specimen.byName, "snail"), snail)
            try expect("by code", try await scene.specimens.find(by: Specimen.byCode, "code of snail"), snail)
            try expect("by number", try await scene.specimens.find(by: Specimen.byNumber, Int64(42)), snail)
        },
        Case("what is not there is nil") { scene in
            try await scene.insert(Specimen("snail"))
            try expect("by id", try await scene.specimens.find(Stamp.next().id), nil)
            try expect("by name", try await scene.specimens.find(by: Specimen.byName, "snai"), nil)
            try expect("by a name with NUL", try await scene.specimens.find(by: Specimen.byName, "snail\0"), nil)
            try expect("by number", try await scene.specimens.find(by: Specimen.byNumber, Int64(0)), nil)
        },
        Case("of many who look for an entity at the same time each gets its own, or nothing") { scene in
            let stored = (0..<20).map { Specimen.complete("snail \($0)").with { $0.number = nil } }
            for specimen in stored { try await scene.insert(specimen) }
            let missing = (0..<5).map { _ in Stamp.next().id }
            // Each of them twice.
            let ids = stored.map(\.id) + missing + missing + stored.map(\.id)
            for (index, found) in try await concurrently(ids.count, { ($0, try await scene.specimens.find(ids[$0])) }) {
                try expect("number \(index)", found, stored.first { $0.id == ids[index] })
            }
        },
        Case("an entity without values comes back without them, and having none is no conflict") { scene in
            let (one, two) = (Specimen("one"), Specimen("two"))
            try await scene.insert(one, two)
            try await scene.expectStored(one, two)
        },
        Case("a key that ignores case finds in any case of ASCII letters, and of no others") { scene in
            let snail = Specimen("Snail É [@`{")
            try await scene.insert(snail)
            for name in ["Snail É [@`{", "SNAIL É [@`{", "snail É [@`{"] {
                try expect("by \(name)", try await scene.specimens.find(by: Specimen.byName, name), snail)
            }
            for name in ["Snail é [@`{", "snail é {`@["] {
                try expect("by \(name)", try await scene.specimens.find(by: Specimen.byName, name), nil)
            }
            try await scene.insert(Specimen("snail é [@`{"))
        },
        Case("taken() reports for several keys at once what find would") { scene in
            try await scene.insert(Specimen.complete("snail"), Specimen("slug"))
            let all: Set = [Specimen.byName, Specimen.byCode, Specimen.byNumber]
            let snail: [UniqueKey<Specimen>: ColumnValue] = [
                Specimen.byName: .text("SNAIL"), Specimen.byCode: .text("code of snail"), Specimen.byNumber: .int(42),
            ]
            try expect("all taken", try await scene.specimens.taken(snail), all)
            for key in all {
                try expect("\(key.name) taken", try await scene.specimens.taken(snail.filter { $0.key == key }), [key])
                try expect(
                    "\(key.name) free",
                    try await scene.specimens.taken(snail.merging([key: .text("Code Of Snail")]) { $1 }),
                    all.subtracting([key])
                )
                // A column without a value, as that of the slug, is no value that is taken.
                let null = try await scene.specimens.taken(snail.merging([key: .null]) { $1 })
                try expect("\(key.name) without a value", null, all.subtracting([key]))
            }
            try expect("a name with NUL", try await scene.specimens.taken([Specimen.byName: .text("snail\0")]), [])
            try expect("of nothing", try await scene.specimens.taken([:]), [])
        },
        Case("a key that does not ignore case distinguishes upper and lower case") { scene in
            let upper = Specimen("one").with { $0.code = "CODE" }
            let lower = Specimen("two").with { $0.code = "code" }
            try await scene.insert(upper, lower)
            try expect("by CODE", try await scene.specimens.find(by: Specimen.byCode, "CODE"), upper)
            try expect("by code", try await scene.specimens.find(by: Specimen.byCode, "code"), lower)
            try expect("by Code", try await scene.specimens.find(by: Specimen.byCode, "Code"), nil)
        },
        Case("texts are the same when their bytes are, not when they look alike") { scene in
            // U+00E9, and e with U+0301: equal for Swift's String, not for a database.
            let composed = Specimen("caf\u{E9}").with { $0.code = "\u{E9}" }
            let decomposed = Specimen("cafe\u{301}").with { $0.code = "e\u{301}" }
            try await scene.insert(composed, decomposed)
            let byName = try await scene.specimens.find(by: Specimen.byName, "cafe\u{301}")
            try expect("the specimen of the decomposed name", byName?.id, decomposed.id)
            let byCode = try await scene.specimens.find(by: Specimen.byCode, "\u{E9}")
            try expect("the specimen of the composed code", byCode?.id, composed.id)
            try expect("bytes of the name", byName.map { Array($0.name.utf8) }, Array(decomposed.name.utf8))
        },
        Case("an update replaces every value, and keys are found by the new ones only") { scene in
            let before = Specimen.complete("snail")
            let after = before.with { snail in
                snail.name = "slug"
                snail.code = "another code"
                snail.number = -1
                snail.parent = nil
                snail.weight = -0.5
                snail.living = true
                snail.foundAt = nil
                snail.picture = []
                snail.note = ""
            }
            try await scene.insert(before)
            try await scene.update(after)
            try await scene.expectStored(after)
            try expect("by the old name", try await scene.specimens.find(by: Specimen.byName, "snail"), nil)
            try expect("by the new name", try await scene.specimens.find(by: Specimen.byName, "SLUG"), after)
            try expect("by the old number", try await scene.specimens.find(by: Specimen.byNumber, Int64(42)), nil)
            try expect("by the new number", try await scene.specimens.find(by: Specimen.byNumber, Int64(-1)), after)
            try await scene.update(before)
            try await scene.expectStored(before)
        },
        Case("an update may keep its keys, or change only the case of a letter") { scene in
            let snail = Specimen.complete("snail")
            try await scene.insert(snail)
            try await scene.update(snail.with { $0.note = "seen again" })
            let renamed = snail.with { $0.name = "Snail" }
            try await scene.update(renamed)
            try await scene.expectStored(renamed)
        },
        Case("writes take effect in their order, so that a key that was given up can be taken") { scene in
            let old = Specimen("snail")
            let renamed = old.with { $0.name = "old snail" }
            let new = Specimen("SNAIL")
            let changed = new.with { $0.note = "changed" }
            try await scene.insert(old)
            try await scene.store.transaction { transaction in
                try scene.specimens.update(renamed, in: transaction)
                try scene.specimens.insert(new, in: transaction)
                try scene.specimens.update(changed, in: transaction)
            }
            try await scene.expectStored(renamed, changed)
            try expect("by name", try await scene.specimens.find(by: Specimen.byName, "snail"), changed)
        },
    ]
}
