// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycle
import Synchronization
import Testing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Slow stores, locked rows and wrong clocks")
struct SlowStoreTests {
    struct Entry: Entity {
        static let byName = UniqueKey<Entry>("entries_name_key", on: "name")
        static let schema = EntitySchema<Entry>(
            table: "entries",
            columns: [.uuid("id"), .text("name")],
            uniqueKeys: [byName]
        )
        let id: Identifier
        let name: String
    }

    private struct Clerk {
        /// What to do about an error.
        enum Answer { case repeated, repeatedUnderAnotherName, givenUp }

        let react: @Sendable (RepositoryError) -> Answer
    }

    /// Writes three entries under faults, and counts the seeds in which there are more or fewer.
    private func wrongSeeds(_ fault: Fault, _ clerk: Clerk) -> Int {
        let faults = Faults([fault], perThousandCalls: 500, maximum: 6)
        return (1...20).count { seed in
            let run = Simulation.check(seed: UInt64(seed), faults: faults) { simulation in
                let isDone = Mutex(false)
                simulation.start("clerk") { process in
                    let store = process.store("shop")
                    let entries = store.repository(for: Entry.self)
                    return [
                        SimulationTests.ClosureService {
                            for number in 0..<3 { try await Self.write("\(number)", clerk, store, entries, process) }
                            isDone.withLock { $0 = true }
                            try await process.clock.sleep(for: .seconds(1_000_000))
                        }
                    ]
                }
                try await simulation.finish { isDone.withLock { $0 } }
                let count = try simulation.entities(of: Entry.self, in: "shop").count
                return count == 3 ? [] : [Violation("count", nil, nil, "there are \(count) entries")]
            }
            if let error = run.failure?.error { Issue.record(error) }
            return run.failure != nil
        }
    }

    private static func write(
        _ name: String,
        _ clerk: Clerk,
        _ store: any Store,
        _ entries: any Repository<Entry>,
        _ process: SimulatedProcess
    ) async throws {
        var name = name
        while true {
            do {
                return try await store.transaction { transaction in
                    _ = try await entries.find(Stamp.next().id, in: transaction)
                    try entries.insert(Entry(id: Stamp.next().id, name: name), in: transaction)
                }
            } catch let error as RepositoryError where error.isConflict(on: Entry.byName) {
                return
            } catch let error as RepositoryError {
                switch clerk.react(error) {
                case .repeated: break
                case .repeatedUnderAnotherName: name += "'"
                case .givenUp: return
                }
                try await process.clock.sleep(for: .seconds(1))
            }
        }
    }

    @Test("A commit that takes effect late shows a writer that repeats it as something else")
    func lateCommit() {
        #expect(self.wrongSeeds(.lateCommit, Clerk { _ in .repeated }) == 0)
        #expect(self.wrongSeeds(.lateCommit, Clerk { _ in .repeatedUnderAnotherName }) > 0)
    }

    @Test(
        "A slow store and a locked row show a writer that takes a delay for a failure",
        arguments: [Fault.slowStore, .lockedRow]
    )
    func slowStore(_ fault: Fault) {
        #expect(self.wrongSeeds(fault, Clerk { _ in .repeated }) == 0)
        #expect(self.wrongSeeds(fault, Clerk { _ in .givenUp }) > 0)
    }

    @Test("A locked row lets everybody wait who needs it, for four seconds at most", arguments: [3, 10])
    func lockedRow(_ seconds: Int) throws {
        try Simulation.run { simulation in
            let entry = Entry(id: Stamp.next().id, name: "entry")
            let store = simulation.store("shop")
            let entries = store.repository(for: Entry.self)
            try await store.transaction { try entries.insert(entry, in: $0) }
            simulation.lockRow(entry.id, of: Entry.self, in: "shop", for: .seconds(seconds))
            // It is locked already.
            simulation.lockRow(entry.id, of: Entry.self, in: "shop", for: .seconds(1000))
            let ends = Mutex<[String]>([])
            simulation.start("clerk", instances: 2) { process in
                [
                    SimulationTests.ClosureService {
                        var end = "done"
                        do {
                            try await process.store("shop").transaction { try entries.update(entry, in: $0) }
                        } catch let error as RepositoryError { end = "\(error.code)" }
                        let time = process.clock.now.offset
                        ends.withLock { [end] in $0.append("\(end) after \(time)") }
                        try await process.clock.sleep(for: .seconds(1_000_000))
                    }
                ]
            }
            await simulation.advance(by: .seconds(20))
            let end = seconds == 3 ? "done after 3.0 seconds" : "locked after 4.0 seconds"
            #expect(ends.withLock { $0 } == [end, end])
            try await store.transaction { try entries.update(entry, in: $0) }
        }
    }

    @Test("The wall clock can be wrong in both directions while time passes as before")
    func wallClock() throws {
        try Simulation.run { simulation in
            let start = Stamp.next().time
            simulation.stepWallClock(by: .seconds(-3600), for: .seconds(60))
            let ids = [Stamp.next().id, Stamp.next().id]
            #expect(ids[0] < ids[1])
            await simulation.advance(by: .seconds(61))
            #expect(abs(Stamp.next().time.timeIntervalSince(start) - 61) < 1)
            #expect(simulation.clock.now.offset == .seconds(61))
            simulation.stepWallClock(by: .seconds(3600), for: .seconds(60))
            #expect(abs(Stamp.next().time.timeIntervalSince(start) - 3661) < 1)
        }
    }

    @Test("A wrong clock shows a program that measures with it")
    func measuring() {
        let faults = Faults([.clockStep], perThousandCalls: 1000, maximum: 6)
        let runs = (1...20).map { seed in
            Simulation.check(seed: UInt64(seed), faults: faults) { simulation in
                let longest = Mutex(0.0)
                simulation.start("timer") { process in
                    [
                        SimulationTests.ClosureService {
                            while true {
                                let start = Stamp.next().time
                                try await process.clock.sleep(for: .seconds(1))
                                let pause = Stamp.next().time.timeIntervalSince(start)
                                longest.withLock { $0 = max($0, abs(pause)) }
                            }
                        }
                    ]
                }
                await simulation.advance(by: .seconds(100))
                return longest.withLock { $0 } < 2 ? [] : [Violation("pause", nil, nil, "the pause was too long")]
            }
        }
        #expect(runs.contains { $0.failure != nil })
        #expect(runs.contains { $0.failure == nil })
    }
}

extension SlowStoreTests {
    @Test("A transaction that its store refuses each time shows a handler that believes itself done")
    func refusedTransaction() throws {
        try Simulation.run { simulation in
            let errors = Mutex<[String]>([])
            simulation.start("clerk") { process in
                let store = process.store("shop")
                let entries = store.repository(for: Entry.self)
                return [
                    SimulationTests.ClosureService {
                        for number in 0..<2 {
                            do {
                                try await store.transaction { transaction in
                                    try entries.insert(Entry(id: Stamp.next().id, name: "\(number)"), in: transaction)
                                    if number == 0 {
                                        process.failTransaction(with: RepositoryError(.database, "refused"))
                                    }
                                }
                            } catch let error as RepositoryError { errors.withLock { $0.append(error.message) } }
                        }
                        try await process.clock.sleep(for: .seconds(1_000_000))
                    }
                ]
            }
            await simulation.idle()
            #expect(errors.withLock { $0 } == ["refused"])
            let stored = try simulation.entities(of: Entry.self, in: "shop")
            #expect(stored.map(\.name) == ["1"])
        }
    }
}
