// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Foundation
import Testing

@testable import EventBusPostgres

/// A table on a disk of 4 MB, which `scripts/infra` mounts where it may.
@Suite(.enabled(if: SmallDisk.path != nil, "needs servers and the right to mount"), .timeLimit(.minutes(1)))
struct DiskTests {
    @Test func aFullDiskIsAnOutageThatEndsWithIt() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 2) { store in
                let people = store.repository(for: Person.self)
                let disk = try #require(SmallDisk.path)
                try await Database.execute("CREATE TABLESPACE \(schema.name) LOCATION '\(disk)'")
                try await Database.execute(
                    """
                    ALTER TABLE \(schema.name).people SET TABLESPACE \(schema.name);
                    ALTER TABLE \(schema.name).people ALTER photo SET STORAGE EXTERNAL;
                    CREATE TABLE \(schema.name).filler TABLESPACE \(schema.name) AS SELECT generate_series(1, 20000)
                    """
                )
                var committed = 0
                var error: RepositoryError?
                while error == nil, committed < 20 {
                    let person = Person("\(committed)", photo: Array(repeating: 7, count: 500_000))
                    error = await failure {
                        try await store.transaction { transaction in
                            try people.insert(person, in: transaction)
                            try transaction.publish(Greeted(number: 1))
                        }
                    }
                    if error == nil { committed += 1 }
                }
                #expect(error?.code == .unavailable)
                #expect((error?.cause as? ServerFailure)?.state == SQLState("53100"))
                #expect(try await schema.count("people") == committed)
                #expect(try await schema.count("eventbus_outbox") == committed)
                try await Database.execute("DROP TABLE \(schema.name).filler")
                try await store.transaction { try people.insert(Person("after"), in: $0) }
                try await Database.execute("ALTER TABLE \(schema.name).people SET TABLESPACE pg_default")
                try await Database.execute("DROP TABLESPACE \(schema.name)")
            }
        }
    }
}

private enum SmallDisk {
    static let path = ProcessInfo.processInfo.environment["POSTGRES_SMALL_DISK"]
}
