// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Foundation
import Testing

@testable import EventBusPostgres

/// Stops and starts the server, so no other test may run at the same time; see `scripts/test --integration`.
@Suite(
    .serialized,
    .enabled(if: Server.control != nil, "needs servers: run scripts/test --integration"),
    .timeLimit(.minutes(2))
)
struct ServerTests {
    @Test func callersFailFastDuringAnOutageAndRecoverAfterIt() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let person = Person("a@example.org")
                try await store.transaction { try people.insert(person, in: $0) }
                try Server.run("stop")
                try await eventually(within: .seconds(10), "the outage to be noticed") { !store.health.isReady }
                let began = ContinuousClock.now
                for _ in 0..<100 {
                    let error = await #expect(throws: RepositoryError.self) { try await people.find(person.id) }
                    #expect(error?.code == .unavailable)
                }
                #expect(ContinuousClock.now - began < .seconds(1))
                try Server.run("start")
                try await eventually(within: .seconds(20), "the store to be ready again") { store.health.isReady }
                #expect(try await people.find(person.id) == person)
            }
        }
    }

    /// A crash tells nobody, a fast restart tells all sessions (57P01), and after SIGKILL the sessions notice by themselves.
    @Test(arguments: [["stop", "postgres"], ["stop", "postgres", "fast"], ["kill", "postgres"]])
    func everyReportedCommitSurvivesAStop(way: [String]) async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                let people = store.repository(for: Person.self)
                let committed = try await withThrowingTaskGroup(of: [Person].self) { group in
                    for worker in 0..<8 {
                        group.addTask {
                            var committed: [Person] = []
                            while true {
                                let person = Person("p\(worker)-\(committed.count)@example.org")
                                do {
                                    try await store.transaction { transaction in
                                        try people.insert(person, in: transaction)
                                        if worker % 2 == 0 { _ = try await people.find(person.id, in: transaction) }
                                    }
                                    committed.append(person)
                                } catch let error as RepositoryError {
                                    #expect([.unavailable, .commitUnknown].contains(error.code))
                                    return committed
                                }
                            }
                        }
                    }
                    try await Task.sleep(for: .milliseconds(500))
                    try Server.run(way)
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                try Server.run("start")
                #expect(!committed.isEmpty)
                try await eventually(within: .seconds(20), "the store to be ready again") { store.health.isReady }
                for person in committed { #expect(try await people.find(person.id) == person) }
            }
        }
    }
}

/// Stops and starts the server.
enum Server {
    static let control = ProcessInfo.processInfo.environment["INFRA"]

    static func run(_ command: String, _ server: String = "postgres") throws { try self.run([command, server]) }

    static func run(_ words: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(self.control))
        process.arguments = words
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
