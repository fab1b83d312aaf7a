// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    static let scopes: [Case] = [
        Case("a transaction returns what its body returns, also when it writes nothing") { scene in
            let snail = Specimen("snail")
            try expect("result", try await scene.store.transaction { _ in 7 }, 7)
            let found = try await scene.store.transaction { transaction in
                try scene.specimens.insert(snail, in: transaction)
                return try await scene.specimens.find(snail.id, in: transaction)
            }
            try expect("result", found, snail)
        },
        Case("a body that throws leaves nothing, and its error comes through") { scene in
            let snail = Specimen("snail")
            for reads in [false, true] {
                try await expectChangedMind("the transaction") {
                    try await scene.store.transaction { transaction in
                        try scene.specimens.insert(snail, in: transaction)
                        try transaction.publish(SpecimenFound(label: "snail"))
                        if reads { _ = try await scene.specimens.find(snail.id, in: transaction) }
                        throw ChangedMind()
                    }
                }
                try await scene.expectMissing(snail)
                try expect("events", try await scene.waiting(), [])
            }
            try await scene.insert(snail)
        },
        Case("a repository refuses another store's transaction") { scene in
            let snail = Specimen("snail")
            let calls: [(String, @Sendable (borrowing Transaction) async throws -> Void)] = [
                ("insert", { try scene.specimens.insert(snail, in: $0) }),
                ("update", { try scene.specimens.update(snail, in: $0) }),
                ("find by id", { _ = try await scene.specimens.find(snail.id, in: $0) }),
                ("find by key", { _ = try await scene.specimens.find(by: Specimen.byName, "snail", in: $0) }),
            ]
            for (name, call) in calls {
                try await expectError(.foreignTransaction, name) { try await scene.other.transaction(call) }
            }
            try await scene.expectMissing(snail)
            let other = try await scene.other.repository(for: Specimen.self).find(snail.id)
            try expect("specimen in the other store", other, nil)
        },
        Case("two stores share neither entities nor events nor what they have handled") { scene in
            let snail = Specimen("snail")
            let others = scene.other.repository(for: Specimen.self)
            try await scene.insert(snail)
            try await scene.other.transaction { transaction in
                try others.insert(Specimen("snail"), in: transaction)
                try transaction.publish(SpecimenFound(label: "theirs"))
                _ = try await transaction.context.markHandled([.specimen("m1")], by: "conformance")
            }
            try expect("events", try await scene.waiting(), [])
            let fresh = try await scene.store.transaction {
                try await $0.context.markHandled([.specimen("m1")], by: "conformance")
            }
            try expect("fresh", fresh, [true])
        },
        Case("a transaction that has ended takes nothing more") { scene in
            let committed = try await scene.store.transaction { $0.context }
            let failed = LastContext()
            try await expectChangedMind("the transaction") {
                try await scene.store.transaction { transaction in
                    failed.context = transaction.context
                    throw ChangedMind()
                }
            }
            for context in [committed, failed.context].compactMap({ $0 }) {
                try await expectError(.transactionEnded, "publish") {
                    try context.publish(try Message(SpecimenFound(label: "late")))
                }
                try await expectError(.transactionEnded, "markHandled") {
                    _ = try await context.markHandled([.specimen("m1")], by: "conformance")
                }
            }
            try expect("events", try await scene.waiting(), [])
        },
        Case("a task that is cancelled before it begins does nothing") { scene in
            let snail = Specimen("snail")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await expectCancellation("the transaction") {
                        try await scene.store.transaction { try scene.specimens.insert(snail, in: $0) }
                    }
                }
                try await group.waitForAll()
            }
            try await scene.expectMissing(snail)
        },
        Case("a task that is cancelled before the commit leaves nothing") { scene in
            for reads in [false, true] {
                let snail = Specimen("snail")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await expectCancellation("the transaction, reading: \(reads)") {
                            try await scene.store.transaction { transaction in
                                try scene.specimens.insert(snail, in: transaction)
                                try transaction.publish(SpecimenFound(label: "snail"))
                                if reads { _ = try await scene.specimens.find(snail.id, in: transaction) }
                                withUnsafeCurrentTask { $0?.cancel() }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                try await scene.expectMissing(snail)
                try expect("events", try await scene.waiting(), [])
                try await scene.insert(Specimen("after \(reads)"))
            }
        },
    ]
}

/// What is left after a transaction that threw.
private final class LastContext {
    var context: (any TransactionContext)?
}
