// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    static let poisoning: [Case] = [
        Case("a write's error surfaces at the next read, as the write's error") { scene in
            try await scene.insert(Specimen("taken"))
            try await scene.expectConflict(Specimen.byName) { transaction in
                try scene.specimens.insert(Specimen("taken"), in: transaction)
                try await expectError(.conflict, key: Specimen.byName.name, "find by id") {
                    _ = try await scene.specimens.find(Stamp.next().id, in: transaction)
                }
                throw ChangedMind()
            }
            try await scene.expectConflict(Specimen.byName) { transaction in
                try scene.specimens.insert(Specimen("taken"), in: transaction)
                try await expectError(.conflict, key: Specimen.byName.name, "find by key") {
                    _ = try await scene.specimens.find(by: Specimen.byName, "anything", in: transaction)
                }
                throw ChangedMind()
            }
            try await scene.expectConflict(Specimen.byName) { transaction in
                try scene.specimens.insert(Specimen("taken"), in: transaction)
                try await expectError(.conflict, key: Specimen.byName.name, "markHandled") {
                    _ = try await transaction.context.markHandled([.specimen("m1")], by: "conformance")
                }
                throw ChangedMind()
            }
            try await scene.expectFailure(.notFound, "an update and a read") { transaction in
                try scene.specimens.update(Specimen("missing"), in: transaction)
                _ = try await scene.specimens.find(by: Specimen.byName, "taken", in: transaction)
            }
        },
        Case("a swallowed error still fails the transaction, and each later call throws it again") { scene in
            let taken = Specimen("taken")
            try await scene.insert(taken)
            let later = Specimen("later")
            try await scene.expectConflict(Specimen.byName) { transaction in
                try scene.specimens.insert(Specimen("TAKEN"), in: transaction)
                _ = try? await scene.specimens.find(taken.id, in: transaction)
                let key = Specimen.byName.name
                try await expectError(.conflict, key: key, "insert") {
                    try scene.specimens.insert(later, in: transaction)
                }
                try await expectError(.conflict, key: key, "update") {
                    try scene.specimens.update(taken, in: transaction)
                }
                try await expectError(.conflict, key: key, "publish") {
                    try transaction.publish(SpecimenFound(label: "later"))
                }
                try await expectError(.conflict, key: key, "find") {
                    _ = try await scene.specimens.find(taken.id, in: transaction)
                }
                try await expectError(.conflict, key: key, "markHandled") {
                    _ = try await transaction.context.markHandled([.specimen("m1")], by: "conformance")
                }
            }
            try await scene.expectStored(taken)
            try await scene.expectMissing(later)
            try expect("events", try await scene.waiting(), [])
            let fresh = try await scene.store.transaction {
                try await $0.context.markHandled([.specimen("m1")], by: "conformance")
            }
            try expect("fresh", fresh, [true])
        },
        Case("the first error counts, whatever the body throws later") { scene in
            try await scene.insert(Specimen("taken"))
            try await scene.expectConflict(Specimen.byName) { transaction in
                try scene.specimens.insert(Specimen("taken"), in: transaction)
                try scene.specimens.update(Specimen("missing"), in: transaction)
                _ = try? await scene.specimens.find(Stamp.next().id, in: transaction)
                throw ChangedMind()
            }
        },
        Case("a value that cannot be stored fails the transaction, swallowed or not") { scene in
            let snail = Specimen("snail")
            try await scene.expectFailure(.invalidValue, "a swallowed insert") { transaction in
                try scene.specimens.insert(snail, in: transaction)
                try? scene.specimens.insert(Specimen("\0"), in: transaction)
            }
            try await scene.expectMissing(snail)
            try await scene.expectFailure(.invalidValue, "a swallowed event") { transaction in
                try scene.specimens.insert(snail, in: transaction)
                try? transaction.publish(SpecimenFound(label: "snail", key: "\0"))
            }
            try await scene.expectMissing(snail)
            try expect("events", try await scene.waiting(), [])
        },
        Case("failed transactions leave the store as good as before") { scene in
            try await scene.insert(Specimen("taken"))
            for round in 0..<40 {
                let reads = round % 2 == 0
                try await scene.expectConflict(Specimen.byName) { transaction in
                    try scene.specimens.insert(Specimen("taken"), in: transaction)
                    if reads { _ = try await scene.specimens.find(Stamp.next().id, in: transaction) }
                }
            }
            let snail = Specimen("snail")
            try await scene.store.transaction { transaction in
                _ = try await scene.specimens.find(snail.id, in: transaction)
                try scene.specimens.insert(snail, in: transaction)
            }
            try await scene.expectStored(snail)
        },
    ]
}
