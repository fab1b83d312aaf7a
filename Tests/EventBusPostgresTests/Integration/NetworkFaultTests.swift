// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import TestProxy
import Testing

@testable import EventBusPostgres

/// Networks that swallow, delay and reset: callers get an error in time, and the pool is usable afterwards.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct NetworkFaultTests {
    @Test(arguments: [ProxyFault.blackHole, .stall, .halfOpen])
    func aConnectionThatFallsSilentIsGivenUpInTimeAndReplaced(fault: ProxyFault) async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(behind: .postgres, connections: 2) { store, proxy in
                let people = store.repository(for: Person.self)
                proxy.order(fault, .before(.toServer) { $0.isPostgres("S") })
                // The transaction stays open in the server until it notices, with its locks.
                let error = await failure { try await store.transaction { try people.insert(Person("a"), in: $0) } }
                #expect(error?.code == .commitUnknown)
                #expect(proxy.fired == 1)
                try await store.transaction { try people.insert(Person("b"), in: $0) }
                #expect(try await schema.count("people") == 1)
            }
        }
    }

    @Test func aNetworkThatSwallowsEverythingIsAnOutageThatEnds() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(behind: .postgres, connections: 2) { store, proxy in
                let people = store.repository(for: Person.self)
                proxy.welcome = .silence
                proxy.strike(.blackHole)
                let first = await failure { _ = try await people.find(Stamp.next().id) }
                #expect(first?.code == .timedOut || first?.code == .unavailable)
                try await eventually(within: .seconds(10), "the outage to be noticed") { !store.health.isReady }
                let during = await failure { try await store.transaction { try people.insert(Person("x"), in: $0) } }
                #expect(during?.code == .unavailable)
                try await eventually(within: .seconds(10), "the cause") {
                    store.health.problems.contains { $0.contains("has not answered in time") }
                }
                proxy.heal()
                try await eventually(within: .seconds(10), "the store to be ready again") { store.health.isReady }
                try await store.transaction { try people.insert(Person("y"), in: $0) }
                #expect(try await schema.count("people") == 1)
            }
        }
    }

    @Test(arguments: [ProxyFault.cut, .reset])
    func connectionsThatEndWhileIdleAreReplacedWithoutAnError(fault: ProxyFault) async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(behind: .postgres, connections: 2) { store, proxy in
                let people = store.repository(for: Person.self)
                for round in 0..<3 {
                    let accepted = proxy.accepted
                    proxy.strike(fault)
                    // The pool opens another one by itself.
                    try await eventually(within: .seconds(10), "a new connection") { proxy.accepted > accepted }
                    try await store.transaction { try people.insert(Person("\(round)"), in: $0) }
                }
                #expect(try await schema.count("people") == 3)
            }
        }
    }

    /// Bytes that leave are progress, although nothing arrives for longer than a statement may take.
    @Test func aSlowNetworkIsNoSilentServer() async throws {
        try await TestSchema.with { schema in
            let limits: (inout PostgresConfiguration) -> Void = {
                // The server counts the time in which a statement arrives.
                $0.statementTimeout = .seconds(20)
                $0.answerGrace = .seconds(3) - $0.statementTimeout
            }
            try await schema.withStore(behind: .any, limits) { store, proxy in
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org", photo: Array(repeating: 7, count: 12_000_000))
                proxy.strike(.throttle(bytesPerSecond: 3_000_000))
                try await store.transaction { try people.insert(person, in: $0) }
                proxy.heal()
                #expect(try await people.find(person.id) == person)
            }
        }
    }

    @Test func aConnectionThatEndsInTheMiddleOfAnAnswerFailsOnlyThatCall() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(behind: .any, connections: 2) { store, proxy in
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org", photo: Array(repeating: 7, count: 1_000_000))
                try await store.transaction { try people.insert(person, in: $0) }
                proxy.order(.cut, .atByte(.toClient, 500_000))
                let error = await failure { _ = try await people.find(person.id) }
                #expect(error?.code == .unavailable)
                #expect(proxy.fired == 1)
                #expect(try await people.find(person.id) == person)
            }
        }
    }

    @Test func aParameterThatLibpqRefusesFailsAtOnce() async throws {
        var configuration = try PostgresConfiguration(url: "postgres://a@127.0.0.1:1/a?ssl_min_protocol_version=none")
        configuration.connectTimeout = .seconds(3600)
        let store = try PostgresStore(configuration, schema: "unreachable", logger: RecordedLog().logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await store.run() }
            try await eventually(within: .seconds(10), "the cause in the health") {
                store.health.problems.contains { $0.contains("ssl_min_protocol_version") }
            }
            group.cancelAll()
        }
    }

    @Test func aServerWithoutTLSIsRefusedWhenItIsDemanded() async throws {
        try await TCPProxy.with(to: try Database.port(), .postgres) { proxy in
            // The request for TLS is the first message; N says that there is none.
            proxy.order(.answer([UInt8(ascii: "N")]), .before(.toServer) { $0.type == 0 })
            let direct = try Database.configuration()
            let url = "postgres://\(direct.user):\(direct.password ?? "")@127.0.0.1:\(proxy.port)/\(direct.database)"
            let configuration = try PostgresConfiguration(url: "\(url)?sslmode=verify-full&sslrootcert=/nowhere")
            let log = RecordedLog()
            let store = try PostgresStore(configuration, schema: "unreachable", logger: log.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await store.run() }
                try await eventually(within: .seconds(10), "the cause in the health") {
                    store.health.problems.contains { $0.contains("SSL") }
                }
                #expect(proxy.fired == 1)
                group.cancelAll()
            }
        }
    }
}
