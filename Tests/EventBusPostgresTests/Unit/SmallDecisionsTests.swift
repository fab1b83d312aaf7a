// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging
import Testing

@testable import EventBusPostgres

@Suite struct SmallDecisionsTests {
    @Test func onlyTheSecondFailureInARowIsAWarning() {
        var log = OutageLog()
        let levels = (0..<3).map { _ in log.levelOfNextFailure() }
        #expect(levels == [.info, .warning, .warning])
        log.connected()
        #expect(log.levelOfNextFailure() == .info)
    }

    @Test func theInboxIsCleanedSoonAfterTheStartAndThenAboutTwiceInAnHour() {
        #expect(InboxCleaner.pause(isFirst: true, jitter: 0) == .seconds(1))
        #expect(InboxCleaner.pause(isFirst: true, jitter: 1) == .seconds(10))
        #expect(InboxCleaner.pause(isFirst: false, jitter: 0) == .seconds(1800))
        #expect(InboxCleaner.pause(isFirst: false, jitter: 1) == .seconds(3600))
    }

    private static let seen: [([(first: String, second: String)], Bool)] = [
        ([("a", "b"), ("a", "b")], false), ([("a", "a")], true), ([("a", "b"), ("b", "a")], true),
        ([("a", "b"), ("c", "b")], true), ([("a", "b"), ("a", "c")], true),
    ]

    @Test(arguments: Self.seen)
    func sessionsThatShareOrChangeAProcessArePooledPerTransaction(
        seen: [(first: String, second: String)],
        areExchanged: Bool
    ) {
        #expect(PoolerCheck.areProcessesExchanged(seen) == areExchanged)
    }

    @Test(arguments: [
        ("SELECT \"id\" FROM \"people\" WHERE \"id\" = $1", "SELECT on people"),
        ("INSERT INTO people (id) VALUES ($1)", "INSERT on people"),
        ("WITH x AS (UPDATE people SET x = 1 RETURNING 1) SELECT 1 FROM x", "UPDATE on people"),
        ("DELETE FROM \"a\".eventbus_handled WHERE x", "DELETE on a.eventbus_handled"), ("COMMIT", nil),
        ("SELECT 1", nil),
    ])
    func aStatementIsNamedByItsCommandAndItsTable(text: String, summary: String?) {
        #expect(SQL(text).summary == summary)
    }
}
