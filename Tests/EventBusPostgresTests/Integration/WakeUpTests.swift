// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Testing

@testable import EventBusPostgres

/// Two stores share nothing but the database, as if they were in two processes.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct WakeUpTests {
    @Test func aCommitWakesTheOwnerInAnotherProcess() async throws {
        try await TestSchema.with { schema in
            let (owner, other) = (try schema.store(), try schema.store())
            try await running(owner, other) {
                try await owner.outbox.withOwnership { _ in
                    for number in 0..<3 {
                        let seen = owner.outbox.commitCount
                        try await other.transaction { try $0.publish(Greeted(number: number)) }
                        // Without a wake-up it would never return: who polls is the relay, and there is none.
                        _ = try await owner.outbox.commits(after: seen)
                    }
                }
            }
        }
    }

    @Test func manyCommitsShareAWakeUp() async throws {
        try await TestSchema.with { schema in
            let (owner, other) = (try schema.store(), try schema.store())
            try await running(owner, other) {
                try await owner.outbox.withOwnership { _ in
                    let start = ContinuousClock.now
                    for number in 0..<500 { try await other.transaction { try $0.publish(Greeted(number: number)) } }
                    let intervals = start.duration(to: .now) / PostgresStorage.wakeUpInterval
                    // Each wake-up counts twice, and one more may have been on its way at either end.
                    #expect(Double(owner.outbox.commitCount) <= 2 * (intervals + 2))
                }
            }
        }
    }

    @Test func theOwnersOwnCommitsDoNotUseTheServer() async throws {
        try await TestSchema.with { schema in
            let owner = try schema.store()
            try await running(owner) {
                try await owner.outbox.withOwnership { _ in
                    for number in 0..<10 { try await owner.transaction { try $0.publish(Greeted(number: number)) } }
                    #expect(owner.outbox.commitCount == 10)
                }
            }
        }
    }
}
