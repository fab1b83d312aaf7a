// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Testing

@testable import EventBusPostgres

@Suite struct OutboxReaderTests {
    private static let small = OutboxReader.Limits(rows: 8, rowsOfKey: 2, bytes: 1000, lanes: 2)

    @Test func rowsAreReadOnce() {
        var table = OutboxTable()
        table.commit(1000)
        var reader = table.reader()
        var rows: [OutboxRow] = []
        var seen: [OutboxRow.ID] = []
        repeat {
            rows = table.exchange(&reader, published: rows.map(\.id), limit: 100)
            seen += rows.map(\.id)
        } while !rows.isEmpty
        #expect(seen == Array(1...1000))
        #expect(table.rowsRead == 1000)
    }

    @Test func rowsOfAKeyAreReadOnceAlthoughTheyArePublishedOneByOne() {
        var table = OutboxTable()
        for _ in 0..<100 { for key in ["a", "b", "c"] { table.commit(key: key) } }
        var reader = table.reader()
        var rows: [OutboxRow] = []
        var seen: [OutboxRow.ID] = []
        repeat {
            rows = table.exchange(&reader, published: rows.map(\.id))
            #expect(Set(rows.map(\.message.orderingKey)).count == rows.count)
            seen += rows.map(\.id)
        } while !rows.isEmpty
        #expect(seen == Array(1...300))
        #expect(table.rowsRead == 300)
    }

    @Test func whatIsNotRemovedIsHandedOutAgain() {
        var table = OutboxTable()
        table.commit(3)
        var reader = table.reader()
        #expect(table.exchange(&reader, limit: 2).map(\.id) == [1, 2])
        #expect(table.exchange(&reader, limit: 2).map(\.id) == [1, 2])
        #expect(table.exchange(&reader, published: [1], limit: 2).map(\.id) == [2, 3])
    }

    @Test func aRowThatIsCommittedLateIsFound() {
        var table = OutboxTable()
        table.commit()
        var reader = table.reader()
        #expect(table.exchange(&reader).map(\.id) == [1])
        let (early, lost) = (table.begin(), table.begin())
        _ = table.insert(in: early)
        _ = table.insert(in: lost)
        table.commit()
        #expect(table.exchange(&reader, published: [1]).map(\.id) == [4])
        table.rollBack(lost)
        #expect(table.exchange(&reader, published: [4], now: .seconds(30)).isEmpty)
        table.commit(early)
        #expect(table.exchange(&reader, now: .seconds(31)).map(\.id) == [2])
        #expect(table.exchange(&reader, published: [2], now: .seconds(40)).isEmpty)
        // All transactions that may own the other one have ended.
        #expect(reader.next(1, except: HeldRows(), now: .seconds(41)).missing == [])
    }

    /// The transaction has taken an id before the reader began, which therefore knows of no gap.
    @Test func aRowBelowTheFirstThatIsCommittedLateIsFoundBeforeLaterOnesOfItsKey() {
        var table = OutboxTable()
        let early = table.begin()
        _ = table.insert(key: "a", in: early)
        table.commit(5)
        var reader = table.reader()
        #expect(table.exchange(&reader).map(\.id) == [2, 3, 4, 5, 6])
        table.commit(early)
        table.commit(key: "a")
        #expect(table.exchange(&reader, published: [2, 3, 4, 5, 6], now: .milliseconds(1)).map(\.id) == [1])
        #expect(table.exchange(&reader, published: [1], now: .milliseconds(1)).map(\.id) == [7])
    }

    @Test func whatWasGivenOutBeforeTheReaderBeganIsNotLookedForAgainAndAgain() {
        var table = OutboxTable()
        table.commit(1000)
        table.remove(Array(1...1000))
        var reader = table.reader()
        table.commit()
        #expect(table.exchange(&reader).map(\.id) == [1001])
        #expect(reader.next(1, except: HeldRows(), now: .zero).missing == [])
    }

    @Test func aSequenceThatWasSetBackIsNoticedWithinAMinute() {
        var table = OutboxTable()
        table.commit(1000)
        var reader = table.reader()
        let ids = table.exchange(&reader, limit: 1000).map(\.id)
        table.setBack(to: 0)
        table.commit(3)
        #expect(
            table.exchange(&reader, published: ids.filter { $0 > 3 }, limit: 10, now: .zero).map(\.id) == [1, 2, 3]
        )
        _ = table.exchange(&reader, published: [1, 2, 3], now: .seconds(2))
        table.setBack(to: 100)
        table.commit()
        #expect(table.exchange(&reader, now: .seconds(30)).isEmpty)
        #expect(table.exchange(&reader, now: .seconds(63)).map(\.id) == [101])
    }

    @Test func heldRowsStayInMemoryWhileThereIsRoom() {
        var table = OutboxTable()
        table.commit(100, "unheard")
        table.commit(2)
        var reader = table.reader()
        let held = HeldRows(topics: ["unheard"])
        #expect(table.exchange(&reader, except: held).map(\.id) == [101, 102])
        #expect(table.rows.values.allSatisfy { $0.lane == nil })
        #expect(table.exchange(&reader, limit: 3).map(\.id) == [1, 2, 3])
        #expect(table.rowsRead == 102)
    }

    @Test func whatWaitsIsNotReadAgainUntilItsTimeHasCome() {
        var table = OutboxTable()
        table.commit(5000, "unheard")
        table.commit(key: "a")
        table.commit(1, "unheard", key: "b")
        table.commit(key: "b")
        var reader = table.reader()
        let held = HeldRows(topics: ["unheard"])
        #expect(table.exchange(&reader, except: held).map(\.id) == [5001])
        #expect(table.exchange(&reader, published: [5001], except: held).isEmpty)
        #expect(table.rowsRead < 6000)
        for _ in 0..<10 {
            table.commit()
            let ids = table.exchange(&reader, except: held).map(\.id)
            #expect(ids.count == 1)
            #expect(table.exchange(&reader, published: ids, except: held).isEmpty)
        }
        #expect(table.rowsRead < 6100)
        var rows: [OutboxRow] = []
        var seen = 0
        repeat {
            rows = table.exchange(&reader, published: rows.map(\.id))
            seen += rows.count
        } while !rows.isEmpty
        #expect(seen == 5002)
    }

    @Test func bodiesAreKeptUpToALimitAndOneRowAtLeast() {
        var table = OutboxTable()
        table.commit(10, bytes: 400)
        table.commit(1, bytes: 5000)
        var reader = table.reader(Self.small)
        #expect(table.exchange(&reader).map(\.id) == [1, 2, 3])
        #expect(table.exchange(&reader, published: [1, 2]).map(\.id) == [3, 4, 5])
        #expect(table.exchange(&reader, published: Array(3...10)).map(\.id) == [11])
    }

    @Test func aSnapshotIsReadFromText() throws {
        #expect(
            try TransactionSnapshot(text: "10:20:10,14")
                == TransactionSnapshot(oldestRunning: 10, next: 20, running: [10, 14])
        )
        #expect(try TransactionSnapshot(text: "7:7:") == TransactionSnapshot(oldestRunning: 7, next: 7))
        #expect(throws: PostgresError.self) { try TransactionSnapshot(text: "7:7") }
    }

    @Test func aLaneIsReadFromItsText() throws {
        for lane in [Lane(Topic(foreign: "a b")), Lane(Topic(foreign: "")), .row(7), .row(.max)] {
            #expect(try Lane(text: lane.text) == lane)
        }
        for text in ["", "row", "row x", "other 1"] { #expect(throws: PostgresError.self) { try Lane(text: text) } }
    }

    // MARK: Random programs

    /// Whatever happens, no row is lost, none overtakes another of its key, and none is handed out after it was removed.
    @Test(arguments: 0..<40) func everyRowIsHandedOutAndInTheOrderOfItsKey(seed: Int) {
        var program = RandomProgram(seed: UInt64(seed), limits: Self.small)
        for _ in 0..<300 { program.step() }
        program.finish()
        #expect(program.violations == [])
    }
}

/// Writers, an owner and holds, in an order that a seed decides.
private struct RandomProgram {
    private var random: SeededRandom
    private let limits: OutboxReader.Limits
    private var table = OutboxTable()
    private var reader: OutboxReader
    private var now = Duration.zero
    private var running: [(transaction: UInt64, ids: [(OutboxRow.ID, String?)])] = []
    /// The committed rows of each key that have not been removed, in order.
    private var expected: [String?: [OutboxRow.ID]] = [:]
    private var held = HeldRows()
    private var published: [OutboxRow.ID] = []
    private(set) var violations: [String] = []

    init(seed: UInt64, limits: OutboxReader.Limits) {
        self.random = SeededRandom(seed: seed)
        self.limits = limits
        self.reader = self.table.reader(limits)
    }

    mutating func step() {
        self.now += .milliseconds(Int.random(in: 0...400, using: &self.random))
        switch Int.random(in: 0..<20, using: &self.random) {
        case 0..<6: self.write()
        case 6..<10: self.end(commits: Int.random(in: 0..<5, using: &self.random) > 0)
        case 10..<12: self.hold()
        case 12: if Int.random(in: 0..<4, using: &self.random) == 0 { self.crash() }
        default: self.exchange()
        }
    }

    /// Everything is committed, nothing is held, everything is published.
    mutating func finish() {
        while !self.running.isEmpty { self.end(commits: true) }
        self.held = HeldRows()
        for _ in 0..<2000 where self.exchange(confirmsAll: true) == 0 { break }
        for (key, ids) in self.expected where !ids.isEmpty {
            self.violations.append("not published: \(ids) of \(key ?? "no key")")
        }
    }

    private mutating func write() {
        let transaction = self.table.begin()
        var ids: [(OutboxRow.ID, String?)] = []
        for _ in 0..<Int.random(in: 1...4, using: &self.random) {
            // The writers of a key wait for each other.
            let key = ["a", "b", "c", nil].randomElement(using: &self.random) ?? nil
            if key != nil, self.running.contains(where: { $0.ids.contains { $0.1 == key } }) { continue }
            let topic: Topic = ["t", "u"].randomElement(using: &self.random) ?? "t"
            let bytes = Int.random(in: 0..<200, using: &self.random)
            ids.append((self.table.insert(topic, key: key, bytes: bytes, in: transaction), key))
        }
        self.running.append((transaction, ids))
    }

    private mutating func end(commits: Bool) {
        guard !self.running.isEmpty else { return }
        let (transaction, ids) = self.running.remove(at: Int.random(in: 0..<self.running.count, using: &self.random))
        guard commits else { return self.table.rollBack(transaction) }
        self.table.commit(transaction)
        for (id, key) in ids { self.expected[key, default: []].append(id) }
    }

    private mutating func hold() {
        switch Int.random(in: 0..<4, using: &self.random) {
        case 0: self.held = HeldRows()
        case 1: self.held.topics = []
        case 2: self.held.topics.insert(["t", "u"].randomElement(using: &self.random) ?? "t")
        default: if let id = self.table.rows.keys.sorted().first { self.held.rows.insert(id) }
        }
    }

    /// Another owner begins, and knows nothing: what was published and not removed is published again.
    private mutating func crash() {
        for row in self.published.compactMap({ self.table.rows[$0]?.row }) {
            let key = row.message.orderingKey
            self.expected[key] = (self.expected[key, default: []] + [row.id]).sorted()
        }
        self.published = []
        self.reader = self.table.reader(self.limits, now: self.now)
    }

    @discardableResult
    private mutating func exchange(confirmsAll: Bool = false) -> Int {
        let limit = Int.random(in: 1...4, using: &self.random)
        let rows = self.table.exchange(
            &self.reader,
            published: self.published,
            limit: limit,
            except: self.held,
            now: self.now
        )
        self.published = []
        for row in rows {
            let key = row.message.orderingKey
            let place = self.expected[key]?.firstIndex(of: row.id)
            if self.held.topics.contains(row.message.topic) || self.held.rows.contains(row.id) {
                self.violations.append("\(row.id) is held")
            }
            guard let place, key == nil || place == 0 else {
                self.violations.append("\(row.id) of \(key ?? "no key") although \(self.expected[key] ?? []) wait")
                continue
            }
            guard confirmsAll || Bool.random(using: &self.random) else { continue }
            self.published.append(row.id)
        }
        for row in rows where self.published.contains(row.id) {
            self.expected[row.message.orderingKey]?.removeAll { $0 == row.id }
        }
        return rows.count
    }
}
