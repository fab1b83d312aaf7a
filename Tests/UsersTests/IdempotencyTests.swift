// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

@testable import EventBusUsers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct IdempotencyTests {
    private let store = InMemoryStore()
    private let hasher = CheapHasher()

    private var users: Users { Users(store: self.store, hasher: self.hasher) }

    private static func registration(
        _ username: String = "Ada",
        _ email: String = "ada@example.org",
        password: String = "a long secret"
    ) -> Registration {
        Registration(username: username, email: email, password: password)
    }

    private static func key(_ text: String = "key-1") throws -> IdempotencyKey { try IdempotencyKey(text) }

    @Test func aFurtherAttemptGetsTheFirstUser() async throws {
        let first = try await self.users.register(Self.registration(), key: Self.key())
        for text in ["key-1", "\"key-1\""] {
            let again = try await self.users.register(Self.registration(), key: Self.key(text))
            #expect(again.id == first.id)
            #expect(again.createdAt == first.createdAt)
        }
        #expect(self.hasher.calls == 1)
        #expect(try await self.store.waitingMessages().count == 1)
    }

    @Test func anotherKeyIsAnotherRegistration() async throws {
        _ = try await self.users.register(Self.registration(), key: Self.key())
        for key in ["key-2", "KEY-1"] {
            let error = await #expect(throws: RegistrationError.self) {
                try await self.users.register(Self.registration(), key: Self.key(key))
            }
            #expect(error == .taken([.username, .email]))
        }
        let other = try await self.users.register(Self.registration("Eve", "eve@example.org"), key: Self.key("key-2"))
        #expect(other.username == "Eve")
        await #expect(throws: RegistrationError.self) { try await self.users.register(Self.registration()) }
    }

    @Test(arguments: [
        ("ada", "ada@example.org", "a long secret"), ("Ada", "Ada@example.org", "a long secret"),
        ("Ada", "ada@example.org", "a longer secret"), ("Eve", "eve@example.org", "a long secret"),
    ])
    func otherValuesAreRefused(username: String, email: String, password: String) async throws {
        _ = try await self.users.register(Self.registration(), key: Self.key())
        await #expect(throws: IdempotencyKeyReused.self) {
            try await self.users.register(Self.registration(username, email, password: password), key: Self.key())
        }
        #expect(try await self.store.waitingMessages().count == 1)
    }

    @Test func onlySuccessIsRemembered() async throws {
        _ = try await self.users.register(Self.registration())
        await #expect(throws: RegistrationError.self) {
            try await self.users.register(Self.registration("ada", "eve@example.org"), key: Self.key())
        }
        await #expect(throws: RegistrationError.self) {
            try await self.users.register(Self.registration("?"), key: Self.key())
        }
        let stopped = Users(store: self.store, hasher: StoppedHasher())
        await #expect(throws: CancellationError.self) {
            try await stopped.register(Self.registration("Eve", "eve@example.org"), key: Self.key())
        }
        let user = try await self.users.register(Self.registration("Eve", "eve@example.org"), key: Self.key())
        #expect(user.username == "Eve")
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func aHundredAttemptsAtOnceRegisterOnce(areEqual: Bool) async throws {
        // All of them have found the key unused before any of them writes, so that the store decides.
        let hasher = CheapHasher(untilHere: 100)
        let users = Users(store: self.store, hasher: hasher)
        let ids = try await withThrowingTaskGroup(of: Identifier?.self) { group in
            for number in 0..<100 {
                let registration =
                    areEqual ? Self.registration() : Self.registration("ada\(number)", "ada\(number)@example.org")
                group.addTask {
                    do {
                        return try await users.register(registration, key: Self.key()).id
                    } catch is IdempotencyKeyReused {
                        return nil
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(ids.compactMap(\.self)).count == 1)
        #expect(ids.count { $0 == nil } == (areEqual ? 0 : 99))
        #expect(try await self.store.waitingMessages().count == 1)
    }

    @Test func aCommitWhoseAnswerWasLostIsFoundAtOnce() async throws {
        let users = Users(store: ForgetfulStore(base: self.store), hasher: self.hasher)
        let user = try await users.register(Self.registration(), key: Self.key())
        #expect(user.username == "Ada")
        let error = await #expect(throws: RepositoryError.self) {
            try await users.register(Self.registration("Eve", "eve@example.org"))
        }
        #expect(error?.code == .commitUnknown)
    }

    @Test func afterADayAKeyIsNewAgain() async throws {
        let start = Date(timeIntervalSince1970: 1_767_225_600)
        let ada = try await Self.at(start) { try await self.users.register(Self.registration(), key: Self.key()) }
        let eve = Self.registration("Eve", "eve@example.org")
        let again = try await Self.at(start + 86_399) {
            try await self.users.register(Self.registration(), key: Self.key())
        }
        #expect(again.id == ada.id)
        try await Self.at(start + 86_400) {
            await #expect(throws: RegistrationError.self, "the name is taken, and nobody remembers by whom") {
                try await self.users.register(Self.registration(), key: Self.key())
            }
            let new = try await self.users.register(eve, key: Self.key())
            #expect(try await self.users.register(eve, key: Self.key()).id == new.id)
            await #expect(throws: IdempotencyKeyReused.self) {
                try await self.users.register(Self.registration(), key: Self.key())
            }
        }
        #expect(try self.store.all(KeyUse.self).map(\.version) == [2])
    }

    @Test(.timeLimit(.minutes(1))) func manyWhoUseAnOldKeyAgainAtOnceRegisterOnce() async throws {
        let start = Date(timeIntervalSince1970: 1_767_225_600)
        _ = try await Self.at(start) { try await self.users.register(Self.registration(), key: Self.key()) }
        let users = Users(store: self.store, hasher: CheapHasher(untilHere: 10))
        let ids = try await Self.at(start + 100_000) {
            try await withThrowingTaskGroup(of: Identifier.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        try await users.register(Self.registration("Eve", "eve@example.org"), key: Self.key()).id
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
        }
        #expect(ids.count == 1)
        #expect(try await self.store.waitingMessages().count == 2)
    }

    @Test(arguments: ["", "\"\"", "käse", "a\tb", "a\u{0}b", String(repeating: "k", count: 256)])
    func aMalformedKeyIsRefused(_ text: String) {
        #expect(throws: IdempotencyKey.Malformed.self) { try IdempotencyKey(text) }
    }

    @Test(arguments: ["k", "8e03978e-40d5-43dd-bc93-6894a57f9324", "a b", "\"", String(repeating: "k", count: 255)])
    func otherKeysAreFine(_ text: String) throws {
        let key = try IdempotencyKey(text)
        #expect(key.text == text)
        #expect(!"\(key)".contains("8e03978e"))
    }

    private static func at<Value>(_ time: Date, _ body: () async throws -> Value) async throws -> Value {
        // Other times have other ids.
        let first = Identifier(high: UInt64(time.timeIntervalSince1970), low: 1)
        return try await Stamp.withSource(FixedStamps(first, at: time)) { try await body() }
    }
}

/// A hasher whose caller is cancelled.
private struct StoppedHasher: PasswordHasher {
    func hash(_ password: String) async throws -> String { throw CancellationError() }
    func verify(_ password: String, against hash: String) async throws -> Bool { throw CancellationError() }
}

/// A store whose connection is lost when a commit has taken effect.
private struct ForgetfulStore: Store {
    let base: InMemoryStore

    func transaction<Result: Sendable>(
        _ body: (borrowing Transaction) async throws -> Result
    ) async throws -> Result {
        _ = try await self.base.transaction(body)
        throw RepositoryError(.commitUnknown, "the connection was lost")
    }

    func repository<Model: Entity>(for model: Model.Type) -> any Repository<Model> {
        self.base.repository(for: model)
    }

    var outbox: any Outbox { self.base.outbox }

    func isHandled(_ event: EventIdentity, by consumer: SubscriptionName) async throws(RepositoryError) -> Bool {
        try await self.base.isHandled(event, by: consumer)
    }

    func claimStart(
        of event: EventIdentity,
        redrive: Int,
        by consumer: SubscriptionName,
        as start: Identifier
    ) async throws(RepositoryError) -> Int {
        try await self.base.claimStart(of: event, redrive: redrive, by: consumer, as: start)
    }
}
