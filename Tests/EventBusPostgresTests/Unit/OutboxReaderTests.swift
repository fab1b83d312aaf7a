// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

@testable import EventBusPostgres

@Suite struct OutboxReaderTests {
    private static let small = OutboxReader.Limits(rows: 8, rowsOfKey: 2, bytes: 1000, lanes: 2, gaps: 2)

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
                == TransactionSnapshot(oldestRunning: 10, next: 20, running: [10, 14], isComplete: false)
        )
        #expect(
            try TransactionSnapshot(text: "7:7:") == TransactionSnapshot(oldestRunning: 7, next: 7, isComplete: false)
        )
        // 7 and 8 began after the last transaction that has ended, and before this one.
        #expect(
            try TransactionSnapshot(text: "7:7:", own: 9)
                == TransactionSnapshot(oldestRunning: 7, next: 9, running: [7, 8])
        )
        #expect(throws: PostgresError.self) { try TransactionSnapshot(text: "7:7") }
    }

    @Test func aLaneIsReadFromItsText() {
        for lane in [Lane(Topic(foreign: "a b")), Lane(Topic(foreign: "")), .row(7), .row(.max)] {
            #expect(Lane(text: lane.text) == lane)
        }
        for text in ["", "row", "row x", "other 1"] {
            #expect(Lane(text: text) == .other(ExactText(text)))
            #expect(Lane(text: text).text == text)
        }
    }

    @Test func gapsBeyondTheLimitAreJoinedAndNothingInThemIsForgotten() {
        var missing = MissingIDs(maximum: 2)
        for ids in [1...2, 10...10, 14...19] as [ClosedRange<OutboxRow.ID>] { missing.add(ids, now: .zero) }
        #expect(missing.ranges == [1...2, 10...19])
        #expect(missing.joined == [10...19])
        missing.bound(by: TransactionSnapshot(oldestRunning: 5, next: 9), now: .seconds(2))
        missing.add(100...100, now: .seconds(2))
        #expect(missing.ranges == [1...19, 100...100])
        missing.remove(12)
        #expect(missing.ranges == [1...19, 100...100], "the parts are the nearest neighbours")
        // All that may own one of the first have ended, but not of the last.
        missing.settle(through: .max, after: TransactionSnapshot(oldestRunning: 9, next: 12))
        #expect(missing.ranges == [100...100])
        missing.add(102...102, now: .seconds(3))
        missing.bound(by: TransactionSnapshot(oldestRunning: 9, next: 12), now: .seconds(3.5))
        missing.add(104...104, now: .seconds(4))
        missing.settle(through: .max, after: TransactionSnapshot(oldestRunning: 20, next: 20))
        #expect(missing.ranges == [100...102, 104...104], "a joined gap is given up with the younger of its parts")
    }

    @Test func whatIsBetweenJoinedGapsIsNotReadAgain() {
        var table = OutboxTable()
        var reader = table.reader(OutboxReader.Limits(gaps: 1))
        let held = HeldRows(topics: ["unheard"])
        let late = (0..<4).map { number in
            let transaction = table.begin()
            _ = table.insert(in: transaction)
            table.commit(1, number == 3 ? "t" : "unheard")
            return transaction
        }
        #expect(table.exchange(&reader, except: held).map(\.id) == [8])
        #expect(reader.next(1, except: held, now: .zero).missing == [1...7])
        #expect(table.exchange(&reader, published: [8], except: held).isEmpty)
        #expect(table.rowsRead == 4)
        for transaction in late.reversed() { table.commit(transaction) }
        #expect(table.exchange(&reader, except: held).map(\.id) == [1, 3, 5, 7])
        #expect(table.rowsRead == 8)
    }

    @Test func aRowThatCannotBeReadHoldsUpOnlyItsKeyUntilItIsRepairedOrGone() {
        for isGone in [false, true] {
            var table = OutboxTable()
            for key in ["a", "b", "a", "c"] { table.commit(key: key) }
            table.commit()
            for id: OutboxRow.ID in [1, 5] { table.set("broken", for: id) }
            var reader = table.reader()
            #expect(table.exchange(&reader).map(\.id) == [2, 4])
            #expect(reader.unreadable == [1: "broken", 5: "broken"])
            #expect(table.exchange(&reader, published: [2, 4], now: .seconds(2)).isEmpty)
            #expect(table.exchange(&reader, now: .seconds(120)).isEmpty)
            if isGone { table.remove([1, 5]) } else { for id: OutboxRow.ID in [1, 5] { table.set(nil, for: id) } }
            #expect(table.exchange(&reader, now: .seconds(240)).map(\.id) == (isGone ? [3] : [1, 5]))
            #expect(reader.unreadable.isEmpty)
        }
    }

    @Test func theLeftEdgeIsBeforeEverythingThatIsThereOrMayCome() {
        var table = OutboxTable()
        var reader = table.reader()
        let late = table.begin()
        table.commit(2)
        _ = table.insert(in: late)
        table.commit(1200, "unheard")
        table.commit(3)
        let held = HeldRows(topics: ["unheard"])
        var rows = table.exchange(&reader, except: held)
        #expect(reader.leftEdge == 1)
        while !rows.isEmpty { rows = table.exchange(&reader, published: rows.map(\.id), except: held) }
        #expect(reader.leftEdge == 3, "not committed yet")
        table.commit(late)
        #expect(table.exchange(&reader, except: held).map(\.id) == [3])
        _ = table.exchange(&reader, published: [3], except: held)
        #expect(reader.leftEdge == 4)
        rows = table.exchange(&reader, now: .seconds(2))
        while !rows.isEmpty { rows = table.exchange(&reader, published: rows.map(\.id), now: .seconds(2)) }
        #expect(reader.leftEdge == 1207)
    }

    @Test func whatAnUnknownVersionHasPutAsideIsTriedAtOnce() {
        var table = OutboxTable()
        table.commit(2, key: "a")
        var first = table.reader()
        var read = first.next(10, except: HeldRows(), now: .zero)
        read.moves = [1: .other(ExactText("something new"))]
        _ = table.perform(read)
        var reader = table.reader()
        #expect(table.exchange(&reader).map(\.id) == [1])
        #expect(table.exchange(&reader, published: [1]).map(\.id) == [2])
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
