// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

@testable import EventBusPostgres

/// Callers that need a connection beside the one that their transaction has.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct PoolTests {
    @Test func readsBesideATransactionDoNotWaitForOtherTransactions() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(connections: 3) { store in
                let people = store.repository(for: Person.self)
                let all = (0..<12).map { Person("\($0)@example.org") }
                try await store.transaction { transaction in
                    for person in all { try people.insert(person, in: transaction) }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (index, person) in all.enumerated() {
                        group.addTask {
                            for round in 0..<10 {
                                try await store.transaction { transaction in
                                    guard var own = try await people.find(person.id, in: transaction) else { return }
                                    own.nickname = try await people.find(all[(index + 1) % 12].id)?.email
                                    own.badge = Int64(100 * index + round)
                                    try people.update(own, in: transaction)
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                for (index, person) in all.enumerated() {
                    let found = try await people.find(person.id)
                    #expect(found?.badge == Int64(100 * index + 9))
                    #expect(found?.nickname == all[(index + 1) % 12].email)
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func whatWouldWaitForItselfIsRefusedAtOnce(reads: Bool) async throws {
        try await TestSchema.with { schema in
            let store = try schema.store { configuration in
                configuration.maximumConnections = 1
                configuration.waitTimeout = .seconds(600)
            }
            try await running(store) {
                let people = store.repository(for: Person.self)
                let error = await #expect(throws: RepositoryError.self) {
                    try await store.transaction { transaction in
                        _ = try await people.find(Stamp.next().id, in: transaction)
                        if reads {
                            _ = try await people.find(Stamp.next().id)
                        } else {
                            try await store.transaction { _ = try await people.find(Stamp.next().id, in: $0) }
                        }
                    }
                }
                #expect(error?.code == .timedOut)
                #expect(error?.description.contains("raise maximumConnections") == true)
                try await store.transaction { try people.insert(Person("after@example.org"), in: $0) }
            }
        }
    }
}
