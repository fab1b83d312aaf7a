// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Foundation
import Logging
import TestProxy
import Testing

@testable import EventBusPostgres

/// Several hosts: silent ones, read-only ones, and the one that takes over.
@Suite(
    .serialized,
    .enabled(if: Server.control != nil, "needs servers: run scripts/test --integration"),
    .timeLimit(.minutes(3))
)
struct HostTests {
    @Test func aSilentHostCostsOnlyItsShareOfTheTime() async throws {
        try await TestSchema.with { schema in
            try await TCPProxy.with(to: try Database.port(), .postgres) { silent in
                silent.welcome = .silence
                let configuration = try Database.configuration(ports: silent.port, try Database.port())
                let store = try schema.store(at: configuration) { $0.connectTimeout = .seconds(2) }
                try await running(store) {
                    try await store.transaction { try store.repository(for: Person.self).insert(Person("a"), in: $0) }
                }
                #expect(silent.accepted > 0)
            }
        }
    }

    @Test func aWrongPasswordIsNotTriedElsewhere() async throws {
        try await TCPProxy.with(to: try Database.port(), .postgres) { first in
            try await TCPProxy.with(to: try Database.port(), .postgres) { second in
                let direct = try Database.configuration()
                let hosts = "127.0.0.1:\(first.port),127.0.0.1:\(second.port)"
                let url = "postgres://\(direct.user):wrong@\(hosts)/\(direct.database)?sslmode=disable"
                let log = RecordedLog()
                let configuration = try PostgresConfiguration(url: url)
                let store = try PostgresStore(configuration, schema: "refused", logger: log.logger)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try? await store.run() }
                    try await eventually(within: .seconds(10), "two warnings with the cause") {
                        log.lines(.warning).count { $0.contains("28P01: password authentication") } >= 2
                    }
                    #expect(log.lines(.info).count { $0.contains("cannot be reached") } == 1)
                    #expect(store.health.problems.contains { $0.contains("28P01") && $0.contains(direct.user) })
                    #expect(first.accepted > 2)
                    #expect(second.accepted == 0)
                    group.cancelAll()
                }
            }
        }
    }

    /// A standby follows the server, takes over, and the store finds it.
    @Test func aStoreFollowsTheServerThatAcceptsWrites() async throws {
        let standby = try #require(try PostgresConfiguration(url: try Database.url("DATABASE_STANDBY_URL")).hosts.first)
            .port
        let port = try Database.port()
        // A database of its own, as it becomes read-only.
        let database = "failover_\(UInt32.random(in: 0...UInt32.max))"
        try await Database.execute("CREATE DATABASE \(database)")
        try Server.run("start", "standby")
        let result: Result<Void, any Error>
        do {
            try await Self.failOver(from: port, to: standby, database: database)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try Server.run("stop", "standby")
        try await Database.execute("DROP DATABASE \(database) WITH (FORCE)")
        try result.get()
    }

    private static func failOver(from port: Int, to standby: Int, database: String) async throws {
        let name = "application_name=\(database)"
        let both = try Database.configuration(ports: standby, port, database: database, query: "&\(name)")
        let old = try Database.configuration(ports: port, database: database)
        let new = try Database.configuration(ports: standby, database: database)
        let store = try PostgresStore(both, schema: "people", migrations: Person.migrations)
        try await running(store) {
            let people = store.repository(for: Person.self)
            try await store.transaction { try people.insert(Person("before"), in: $0) }
            try await eventually(within: .seconds(20), "the standby to follow") {
                try await Database.execute("SELECT count(*) FROM people.people", at: new) == [["1"]]
            }
            let kinds = [("standby", "t"), ("prefer-standby", "t"), ("primary", "f"), ("read-only", "t"), ("any", "f")]
            for (session, isStandby) in kinds {
                let query = "&target_session_attrs=\(session)"
                let configuration = try Database.configuration(ports: port, standby, database: database, query: query)
                let rows = try await Database.execute("SELECT pg_is_in_recovery()", at: configuration)
                #expect(rows == [[isStandby]], "\(session)")
            }
            try await Database.execute("SELECT pg_promote()", at: new)
            // The old server lives on and refuses to write, as after a fail-over that did not end it.
            try await Database.execute("ALTER DATABASE \(database) SET default_transaction_read_only = on", at: old)
            try await Database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(database)'"
            )
            try await eventually(within: .seconds(20), "a write") {
                try await store.transaction { try people.insert(Person("after"), in: $0) }
                return true
            }
            #expect(try await Database.execute("SELECT count(*) FROM people.people", at: new) == [["2"]])
            #expect(try await Database.execute("SELECT count(*) FROM people.people", at: old) == [["1"]])
        }
    }

    private static let demoted = Migration(
        2,
        "inserts that fail as on a server that has become a standby",
        sql: """
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.nickname = 'demoted' THEN RAISE EXCEPTION '' USING ERRCODE = '25006'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER fail BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION fail();
            """
    )

    @Test(arguments: [("any", false), ("read-write", true)])
    func aSessionWhoseServerBecomesReadOnlyIsReplacedIfItMustWrite(session: String, isReplaced: Bool) async throws {
        try await TestSchema.with { schema in
            let query = "&target_session_attrs=\(session)"
            let configuration = try Database.configuration(ports: try Database.port(), query: query)
            let store = try schema.store(at: configuration, migrations: Person.migrations + [Self.demoted]) {
                $0.maximumConnections = 1
            }
            try await running(store) {
                let people = store.repository(for: Person.self)
                let process = Statement("SELECT pg_backend_pid()::bigint")
                let before = try await store.storage.read(process)[0].int8(0)
                for reading in [false, true] {
                    let error = await failure {
                        try await store.transaction { transaction in
                            if reading { _ = try await people.find(Stamp.next().id, in: transaction) }
                            var person = Person("a")
                            person.nickname = "demoted"
                            try people.insert(person, in: transaction)
                        }
                    }
                    #expect(error?.code == .unavailable)
                    try await store.transaction { try people.insert(Person("\(reading)"), in: $0) }
                }
                #expect(try await (store.storage.read(process)[0].int8(0) != before) == isReplaced)
            }
        }
    }
}
