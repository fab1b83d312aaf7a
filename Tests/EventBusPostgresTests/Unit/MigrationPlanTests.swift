// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import Testing

@testable import EventBusPostgres

@Suite struct MigrationPlanTests {
    private static let first = Migration(1, "first", sql: "CREATE TABLE a ()")
    private static let second = Migration(2, "second", sql: "CREATE TABLE b ()")
    private static let third = Migration(3, "third", sql: "CREATE TABLE c ()")

    private func applied(_ migrations: Migration...) -> [MigrationPlan.Applied] {
        migrations.map { MigrationPlan.Applied(version: $0.version, checksum: MigrationPlan.checksum($0)) }
    }

    @Test func missingMigrationsArePendingInOrder() throws {
        let plan = try MigrationPlan(known: [Self.third, Self.first, Self.second], applied: self.applied(Self.first))
        #expect(plan.pending == [Self.second, Self.third])
    }

    @Test func migrationsOfANewerReleaseAreIgnored() throws {
        let applied = self.applied(Self.first, Self.second)
        #expect(try MigrationPlan(known: [Self.first], applied: applied).pending.isEmpty)
    }

    @Test func theChecksumIsTheHashOfTheSQL() {
        #expect(
            MigrationPlan.checksum(Migration(1, "", sql: "abc"))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
    }

    @Test(arguments: [
        ([first, second], [MigrationPlan.Applied(version: 1, checksum: "00")], "changed"),
        ([first, second], [MigrationPlan.Applied(version: 2, checksum: MigrationPlan.checksum(second))], "too late"),
        (
            [first, third],
            [first, second, third].map { .init(version: $0.version, checksum: MigrationPlan.checksum($0)) },
            "not known"
        ),
        ([first, first], [], "twice"),
        ([Migration(0, "zero", sql: "")], [], "positive"),
    ])
    func aHistoryThatDoesNotMatchIsRejected(known: [Migration], applied: [MigrationPlan.Applied], text: String) {
        let error = #expect(throws: RepositoryError.self) { try MigrationPlan(known: known, applied: applied) }
        #expect(error?.code == .migration)
        #expect(error?.message.contains(text) == true)
    }
}
