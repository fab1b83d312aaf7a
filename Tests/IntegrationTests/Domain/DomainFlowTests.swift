// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import EventBusTesting
import EventBusUsers
import Testing

/// The main job, the same on memory and on real servers: a registration becomes exactly one payment account.
@Suite("Registration to account", .serialized, .timeLimit(.minutes(5)))
struct DomainFlowTests {
    @Test("a registered user gets one account", arguments: Backend.available)
    func registrationOpensAccount(_ backend: Backend) async throws {
        try await backend.withSystem { system in
            try await system.whileRunning {
                let user = try await system.users.register(.sample())
                let opened = try await system.nextOpenedAccount()
                #expect(opened.userID == user.id)
                let account = try #require(try await system.payments.account(of: user.id))
                #expect(account.id == opened.accountID)
                #expect(account.owner == user.id)
                #expect(account.balance == 0)
                #expect(account.currency == "EUR")
            }
        }
    }

    @Test("an event that came before anybody subscribed arrives when somebody does", arguments: Backend.available)
    func eventWaitsForSubscriber(_ backend: Backend) async throws {
        try await backend.withSystem { system in
            let user = try await system.users.register(.sample())
            try await system.whileRunning {
                let opened = try await system.nextOpenedAccount()
                #expect(opened.userID == user.id)
            }
        }
    }

    @Test("many users get one account each", arguments: Backend.available)
    func manyUsers(_ backend: Backend) async throws {
        try await backend.withSystem { system in
            try await system.whileRunning {
                var expected: Set<Identifier> = []
                try await withThrowingTaskGroup(of: Identifier.self) { group in
                    for number in 0..<100 {
                        group.addTask { try await system.users.register(.sample(number)).id }
                    }
                    for try await id in group { expected.insert(id) }
                }
                var opened: Set<Identifier> = []
                for _ in 0..<100 { opened.insert(try await system.nextOpenedAccount().userID) }
                #expect(opened == expected)
            }
        }
    }

    @Test("of a hundred attempts at one name, in any letter case, one succeeds", arguments: Backend.available)
    func oneOfManyWins(_ backend: Backend) async throws {
        try await backend.withSystem { system in
            try await system.whileRunning {
                let winners = try await withThrowingTaskGroup(of: User?.self) { group in
                    for number in 0..<100 {
                        let name = number.isMultiple(of: 2) ? "Ada" : "aDA"
                        group.addTask {
                            do {
                                return try await system.users.register(.sample(number, username: name))
                            } catch let error as RegistrationError where error.code == .taken {
                                return nil
                            }
                        }
                    }
                    return try await group.reduce(into: [User]()) { winners, user in
                        if let user { winners.append(user) }
                    }
                }
                #expect(winners.count == 1)
                let opened = try await system.nextOpenedAccount()
                #expect(opened.userID == winners.first?.id)
            }
        }
    }

    @Test(
        "an event that repeats, under its own and under other ids, opens no second account",
        arguments: Backend.available
    )
    func repeatedEvents(_ backend: Backend) async throws {
        try await backend.withSystem { system in
            try await system.whileRunning {
                let user = try await system.users.register(.sample())
                let opened = try await system.nextOpenedAccount()
                let body = Array(#"{"user_id":"\#(user.id)"}"#.utf8)
                let again = ["again", "again", "another"].map {
                    Message(id: "\($0)-\(user.id)", topic: "user.created", time: user.createdAt, body: body)
                }
                for outcome in await system.bus.publish(again) { #expect(outcome.isConfirmed) }
                // What comes next shows that the repeated ones have been handled: the subscription keeps its order.
                let next = try await system.users.register(.sample(1))
                let openedNext = try await system.nextOpenedAccount()
                #expect(openedNext.userID == next.id)
                let account = try await system.payments.account(of: user.id)
                #expect(account?.id == opened.accountID)
            }
        }
    }
}
