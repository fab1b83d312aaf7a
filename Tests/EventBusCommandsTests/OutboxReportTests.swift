// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPostgres
import Foundation
import Testing

@testable import EventBusCommands

@Suite("What is wrong with an outbox")
struct OutboxReportTests {
    private let now = DeadLetters.time

    @Test func agesHaveTwoUnits() {
        let ages = [5.0, 65, 3700, 90_000].map { OutboxReport.age(of: self.now - $0, now: self.now) }
        #expect(ages == ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"])
    }

    private func report(events: Int64, owner: Bool, waits: [OutboxReport.Wait] = []) -> OutboxReport {
        OutboxReport(
            schema: "users",
            events: events,
            oldest: events > 0 ? self.now - 60 : nil,
            owner: owner
                ? OutboxReport.Owner(process: 1, application: "", address: nil, since: nil, lastActive: nil) : nil,
            waits: waits
        )
    }

    @Test func onlyWhatSomebodyShouldLookAtIsAProblem() {
        #expect(self.report(events: 0, owner: false).problems(olderThan: nil, now: self.now) == [])
        #expect(self.report(events: 5, owner: true).problems(olderThan: Age(argument: "60s"), now: self.now) == [])
        #expect(
            self.report(events: 5, owner: true).problems(olderThan: Age(argument: "59s"), now: self.now)
                == ["the oldest event has waited for 1 min 0 s"]
        )
        #expect(self.report(events: 5, owner: false).problems(olderThan: nil, now: self.now).count == 1)
        let wait = OutboxReport.Wait(cause: .subscriber(topic: "t"), events: 3, oldest: nil, keys: [])
        #expect(
            self.report(events: 5, owner: true, waits: [wait]).problems(olderThan: nil, now: self.now)
                == ["3 events are held back"]
        )
    }
}
