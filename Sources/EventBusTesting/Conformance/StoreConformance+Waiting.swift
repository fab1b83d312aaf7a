// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

extension StoreConformance {
    /// What happens when a transaction writes what another open one has written.
    static let waiting: [Case] = [
        Case("events are in the outbox in the order of the commits, whatever was published first") { scene in
            let snail = Specimen("snail")
            try await scene.insert(snail)
            try await scene.store.transaction { early in
                try early.publish(SpecimenFound(label: "committed last", key: "k"))
                _ = try await scene.specimens.find(snail.id, in: early, lock: .none)
                try await scene.store.transaction { late in
                    try scene.specimens.update(snail.with { $0.number = 2 }, in: late)
                    try late.publish(SpecimenFound(label: "committed first", key: "k"))
                }
                try scene.specimens.update(snail.with { $0.number = 1 }, in: early)
            }
            try expect("number", try await scene.specimens.find(snail.id)?.number, 1)
            try expect("events", try await scene.drain(), ["committed first", "committed last"])
        },
        Case("events of transactions that wait for each other are in the order of the commits") { scene in
            let snail = Specimen("snail")
            try await scene.insert(snail)
            let outcome = try await scene.contend { transaction in
                try scene.specimens.update(snail.with { $0.number = 1 }, in: transaction)
                _ = try await scene.specimens.find(snail.id, in: transaction)
                try transaction.publish(SpecimenFound(label: "first", key: "k"))
            } and: { transaction in
                try transaction.publish(SpecimenFound(label: "second", key: "k"))
                try scene.specimens.update(snail.with { $0.number = 2 }, in: transaction)
            }
            try outcome.get()
            try expect("number", try await scene.specimens.find(snail.id)?.number, 2)
            try expect("events", try await scene.drain(), ["first", "second"])
        },
        Case("who writes a row that another transaction has written waits for its end") { scene in
            for (commits, reads) in [(true, true), (true, false), (false, true), (false, false)] {
                let snail = Specimen("snail \(commits) \(reads)")
                try await scene.insert(snail)
                let outcome = try await scene.contend(firstCommits: commits) { transaction in
                    try scene.specimens.update(snail.with { $0.note = "first" }, in: transaction)
                    let note = try await scene.specimens.find(snail.id, in: transaction)?.note
                    try expect("the first one's own write", note, "first")
                } and: { transaction in
                    try scene.specimens.update(snail.with { $0.note = "second" }, in: transaction)
                    guard reads else { return }
                    let note = try await scene.specimens.find(snail.id, in: transaction)?.note
                    try expect("the second one's own write", note, "second")
                }
                try outcome.get()
                try expect("note", try await scene.specimens.find(snail.id)?.note, "second")
            }
        },
        Case("who inserts what another transaction has inserted waits, and conflicts only if that one commits") {
            scene in
            for (commits, key) in [(true, "name"), (false, "name"), (true, "id"), (false, "id")] {
                let snail = Specimen("snail \(commits) \(key)")
                let other = key == "id" ? snail.with { $0.name = "\($0.name)!" } : Specimen(snail.name)
                let outcome = try await scene.contend(firstCommits: commits) { transaction in
                    try scene.specimens.insert(snail, in: transaction)
                    _ = try await scene.specimens.find(snail.id, in: transaction)
                } and: { transaction in
                    try scene.specimens.insert(other, in: transaction)
                    _ = try await scene.specimens.find(other.id, in: transaction)
                }
                let conflict = key == "id" ? Specimen.primaryKey : Specimen.byName.name
                try expect("conflict on", try outcome.conflict(), commits ? conflict : nil)
                try await scene.expectStored(commits ? snail : other)
            }
        },
        Case("who inserts a value of a row that another transaction changes waits for the row's value") { scene in
            for (commits, renames) in [(true, true), (true, false), (false, true), (false, false)] {
                let snail = Specimen("snail \(commits) \(renames)")
                let changed = snail.with { $0.name = renames ? "slug \(commits)" : $0.name }
                let other = Specimen(snail.name)
                try await scene.insert(snail)
                let outcome = try await scene.contend(firstCommits: commits) { transaction in
                    try scene.specimens.update(changed, in: transaction)
                    _ = try await scene.specimens.find(snail.id, in: transaction)
                } and: { transaction in
                    try scene.specimens.insert(other, in: transaction)
                }
                let isFree = commits && renames
                try expect("conflict on", try outcome.conflict(), isFree ? nil : Specimen.byName.name)
                try await scene.expectStored(commits ? changed : snail)
            }
        },
        Case("a row that another transaction has inserted does not exist before that one commits") { scene in
            let snail = Specimen("snail")
            try await scene.store.transaction { transaction in
                try scene.specimens.insert(snail, in: transaction)
                _ = try await scene.specimens.find(snail.id, in: transaction)
                try await scene.expectFailure(.notFound, "an update by another") { other in
                    try scene.specimens.update(snail, in: other)
                }
            }
            try await scene.expectStored(snail)
        },
        Case(
            "who marks an event that another transaction has marked waits, and it is fresh only if that one rolls back"
        ) {
            scene in
            for commits in [true, false] {
                let events = ["m1", "m2"].map { EventIdentity.specimen("\($0) \(commits)") }
                let outcome = try await scene.contend(firstCommits: commits) { transaction in
                    let fresh = try await transaction.context.markHandled([events[1]], by: "conformance")
                    try expect("fresh for the first", fresh, [true])
                } and: { transaction in
                    try await transaction.context.markHandled(events.reversed(), by: "conformance")
                }
                try expect("fresh for the second", try outcome.get(), [!commits, true])
            }
        },
        Case("who waits for too long for what another transaction holds fails with locked, and the holder goes on") {
            scene in
            let (snail, slug) = (Specimen("snail"), Specimen("slug"))
            let event = EventIdentity.specimen("m")
            try await scene.insert(snail)
            try await scene.store.transaction { holder in
                _ = try await scene.specimens.find(snail.id, in: holder)
                _ = try await holder.context.markHandled([event], by: "conformance")
                for marks in [false, true] {
                    try await scene.whileTimePasses {
                        try await scene.expectFailure(.locked, "marks: \(marks)") { other in
                            try scene.specimens.insert(slug, in: other)
                            _ = try await scene.specimens.find(slug.id, in: other)
                            if marks {
                                _ = try await other.context.markHandled([event], by: "conformance")
                            } else {
                                try scene.specimens.update(snail.with { $0.note = "second" }, in: other)
                                _ = try await scene.specimens.find(snail.id, in: other)
                            }
                        }
                    }
                    // It holds nothing any more.
                    try await scene.expectMissing(slug)
                }
                try await scene.insert(slug)
                try scene.specimens.update(snail.with { $0.note = "first" }, in: holder)
            }
            try await scene.expectStored(snail.with { $0.note = "first" }, slug)
            try expect("is handled", try await scene.store.isHandled(event, by: "conformance"), true)
        },
        Case("of two transactions that wait for each other one fails and the other commits") { scene in
            let (left, right) = (Specimen("left"), Specimen("right"))
            try await scene.insert(left, right)
            let arrived = Notifier()
            let outcomes = try await concurrently(2) { number -> String? in
                let (own, others) = number == 0 ? (left, right) : (right, left)
                let note = "task \(number)"
                do {
                    try await scene.store.transaction { transaction in
                        try scene.specimens.update(own.with { $0.note = note }, in: transaction)
                        _ = try await scene.specimens.find(own.id, in: transaction)
                        try await arrived.meet(2)
                        try scene.specimens.update(others.with { $0.note = note }, in: transaction)
                        try transaction.publish(SpecimenFound(label: note))
                    }
                    return note
                } catch let error as RepositoryError where error.code == .serialization {
                    return nil
                }
            }
            let winners = outcomes.compactMap { $0 }
            try expect("winners", winners.count, 1)
            for specimen in [left, right] {
                try expect("note", try await scene.specimens.find(specimen.id)?.note, winners.first)
            }
            try expect("events", try await scene.waiting(), winners)
        },
    ]
}

extension StoreScene {
    /// Runs `body` while time passes for the store.
    fileprivate func whileTimePasses(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(20)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return true
            }
            group.addTask {
                while clock.now < deadline, !Task.isCancelled {
                    try await self.harness.pass(.milliseconds(100))
                    await Task.yield()
                }
                return false
            }
            defer { group.cancelAll() }
            guard try await group.next() == true else {
                throw ConformanceFailure("the store has not ended the wait within 20 s")
            }
        }
    }

    /// Runs two transactions, of which the second starts to write when the first has written, and checks that it ends after it.
    ///
    /// - Returns: the outcome of the second.
    func contend<Value: Sendable>(
        firstCommits: Bool = true,
        _ first: @escaping @Sendable (borrowing Transaction) async throws -> Void,
        and second: @escaping @Sendable (borrowing Transaction) async throws -> Value
    ) async throws -> Result<Value, any Error> {
        let (wrote, arrived) = (Notifier(), Notifier())
        let ends = Ends()
        let outcome = try await withThrowingTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                do {
                    try await self.store.transaction { transaction in
                        try await first(transaction)
                        wrote.raise()
                        _ = try await arrived.wait(above: 0)
                        // Whoever does not wait gets ahead meanwhile.
                        for _ in 0..<20 {
                            _ = try await self.specimens.find(Stamp.next().id, in: transaction)
                            await Task.yield()
                        }
                        ends.append("first")
                        if !firstCommits { throw ChangedMind() }
                    }
                } catch is ChangedMind {}
                return nil
            }
            group.addTask {
                _ = try await wrote.wait(above: 0)
                let outcome: Result<Value, any Error>
                do {
                    outcome = .success(
                        try await self.store.transaction { transaction in
                            arrived.raise()
                            return try await second(transaction)
                        }
                    )
                } catch {
                    outcome = .failure(error)
                }
                ends.append("second")
                return outcome
            }
            return try await group.reduce(into: nil) { $0 = $0 ?? $1 }
        }
        try expect("order of the ends", ends.all, ["first", "second"])
        guard let outcome else { throw ConformanceFailure("the second transaction has no outcome") }
        return outcome
    }

    /// Removes all events that wait, and returns their labels in the order in which a relay gets them.
    fileprivate func drain() async throws -> [String] { try await self.owning { try await $0.drain(1000) } }
}

/// Who has ended, in order.
private final class Ends: Sendable {
    private let names = Mutex<[String]>([])

    var all: [String] { self.names.withLock { $0 } }

    func append(_ name: String) { self.names.withLock { $0.append(name) } }
}

extension Result where Failure == any Error {
    /// The key on which a transaction has conflicted, or `nil` if it has committed.
    fileprivate func conflict() throws -> String? {
        do {
            _ = try self.get()
            return nil
        } catch let error as RepositoryError where error.code == .conflict {
            return error.key
        }
    }
}
