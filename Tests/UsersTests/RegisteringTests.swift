// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization
import Testing

@testable import EventBusUsers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct RegisteringTests {
    private let store = InMemoryStore()
    private let hasher = CheapHasher()

    private var users: Users { Users(store: self.store, hasher: self.hasher) }

    private func registration(
        _ username: String = "Ada",
        _ email: String = "ada@example.org",
        password: String = "a long secret"
    ) -> Registration {
        Registration(username: username, email: email, password: password)
    }

    @Test func aUserIsStoredWithAHashAndAnEventIsPublished() async throws {
        let user = try await self.users.register(self.registration())
        let stored = try await self.store.repository(for: User.self).find(user.id)
        #expect(stored?.username == "Ada")
        #expect(stored?.email == "ada@example.org")
        #expect(stored?.passwordHash == "$cheap$13")
        #expect(stored?.createdAt == user.createdAt)
        let messages = try await self.store.waitingMessages()
        #expect(messages.count == 1)
        #expect(messages.first?.topic == "user.created")
        #expect(messages.first?.version == 1)
        #expect(messages.first?.source == "/user")
        #expect(messages.first?.orderingKey == user.id.description)
        #expect(messages.first?.requiresSubscriber == true)
        #expect(messages.first?.id != user.id.description)
    }

    @Test func theEventMatchesTheContract() async throws {
        let fixture = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fixtures/user.created.json")
        let expected = String(decoding: try Data(contentsOf: fixture), as: UTF8.self)
        let first = try #require(Identifier("019B7700-0000-7000-8000-0000000000A1"))
        let stamps = FixedStamps(first, at: Date(timeIntervalSince1970: 1_767_225_600))
        try await Stamp.withSource(stamps) { _ = try await self.users.register(self.registration()) }
        let body = try #require(try await self.store.waitingMessages().first?.body)
        #expect(String(decoding: body, as: UTF8.self) + "\n" == expected)
    }

    @Test func neitherPasswordNorHashIsInTheEvent() async throws {
        _ = try await self.users.register(self.registration(password: "Xq7-unmistakable"))
        let message = try #require(try await self.store.waitingMessages().first)
        let text = String(reflecting: message) + String(decoding: message.body, as: UTF8.self)
        #expect(text.contains("ada@example.org"))
        for secret in ["Xq7", "unmistakable", "$cheap$", "password", "hash"] { #expect(!text.contains(secret)) }
    }

    @Test func anInvalidRegistrationIsNeitherHashedNorStored() async throws {
        let users = self.users
        let error = await #expect(throws: RegistrationError.self) {
            try await users.register(Registration(username: "a", email: "ada@example.org", password: "short"))
        }
        #expect(error?.code == .invalid)
        #expect(error?.violations.map(\.field) == [.username, .password])
        #expect(self.hasher.calls == 0)
        #expect(try await self.store.waitingMessages() == [])
    }

    @Test(arguments: [
        ("ADA", "new@example.org", [Registration.Field.username]), ("ada", "new@example.org", [.username]),
        ("New", "ADA@example.org", [.email]), ("New", "ada@EXAMPLE.org", [.email]),
        ("aDA", "ADA@EXAMPLE.ORG", [.username, .email]),
    ])
    func aTakenNameIsRejectedBeforeHashing(username: String, email: String, fields: [Registration.Field]) async throws {
        let users = self.users
        _ = try await users.register(self.registration())
        let error = await #expect(throws: RegistrationError.self) {
            try await users.register(self.registration(username, email))
        }
        #expect(error == .taken(fields))
        #expect(self.hasher.calls == 1)
        #expect(try await self.store.waitingMessages().count == 1)
    }

    @Test(.timeLimit(.minutes(1)), arguments: [Registration.Field.username, .email])
    func aHundredConcurrentRegistrationsCreateOneUserAndOneEvent(field: Registration.Field) async throws {
        // All of them have found the name free before any of them writes, so the unique key decides.
        let hasher = CheapHasher(untilHere: 100)
        let users = Users(store: self.store, hasher: hasher)
        let errors = await withTaskGroup(of: (any Error)?.self) { group in
            for number in 0..<100 {
                let registration =
                    field == .username
                    ? self.registration(number % 2 == 0 ? "Ada" : "aDA", "ada\(number)@example.org")
                    : self.registration("ada\(number)", number % 2 == 0 ? "ada@example.org" : "ADA@example.org")
                group.addTask {
                    do { _ = try await users.register(registration) } catch { return error }
                    return nil
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(hasher.calls == 100)
        #expect(errors.count { $0 == nil } == 1)
        #expect(errors.compactMap { $0 as? RegistrationError } == Array(repeating: .taken([field]), count: 99))
        let messages = try await self.store.waitingMessages()
        #expect(messages.count == 1)
        let repository = self.store.repository(for: User.self)
        let user =
            field == .username
            ? try await repository.find(by: User.byUsername, "ada")
            : try await repository.find(by: User.byEmail, "ada@example.org")
        #expect(messages.first?.orderingKey == user?.id.description)
    }

    @Test(arguments: [false, true])
    func duringAnOutageOfTheStoreRegisteringFails(canRead: Bool) async throws {
        let store = UnreachableStore(canRead: canRead)
        let users = Users(store: store, hasher: self.hasher)
        let error = await #expect(throws: RepositoryError.self) { try await users.register(self.registration()) }
        #expect(error?.code == .unavailable)
        #expect(self.hasher.calls == (canRead ? 1 : 0))
        #expect(try await store.base.repository(for: User.self).find(by: User.byUsername, "Ada") == nil)
        #expect(try await store.waitingMessages() == [])
    }

    @Test func anErrorOfTheHasherIsRethrownAndNothingIsStored() async throws {
        struct Overloaded: PasswordHasher {
            func hash(_ password: String) async throws -> String { throw HasherOverloaded() }
            func verify(_ password: String, against hash: String) async throws -> Bool { false }
        }
        let users = Users(store: self.store, hasher: Overloaded())
        await #expect(throws: HasherOverloaded.self) { try await users.register(self.registration()) }
        #expect(try await self.store.repository(for: User.self).find(by: User.byUsername, "Ada") == nil)
        #expect(try await self.store.waitingMessages() == [])
    }

    // MARK: No personal data in logs

    @Test func aRegistrationDescribesNoneOfItsValues() {
        let registration = self.registration(password: "Xq7-unmistakable")
        for text in Self.texts(of: registration) {
            for secret in ["Xq7", "unmistakable", "Ada", "ada@"] { #expect(!text.contains(secret), "\(text)") }
        }
        #expect("\(registration)" == "a registration")
    }

    @Test func aUserIsDescribedByItsIDOnly() async throws {
        let user = try await self.users.register(self.registration())
        #expect("\(user)" == "user \(user.id)")
        for text in Self.texts(of: user) + Self.texts(of: Optional(user) as Any) + Self.texts(of: [user]) {
            for secret in ["$cheap$", "Ada", "ada@"] { #expect(!text.contains(secret), "\(text)") }
        }
    }

    @Test func anErrorNamesTheFieldsAndNoValues() async throws {
        _ = try await self.users.register(self.registration())
        let taken = await #expect(throws: RegistrationError.self) {
            try await self.users.register(self.registration())
        }
        let invalid = #expect(throws: RegistrationError.self) {
            try Registration(username: "Ada?", email: "ada@", password: "Xq7").validate()
        }
        let errors = [taken, invalid].compactMap { $0 }
        #expect(errors.count == 2)
        for text in errors.flatMap({ Self.texts(of: $0) }) {
            for secret in ["Ada", "ada@", "Xq7"] { #expect(!text.contains(secret), "\(text)") }
        }
    }

    private static func texts(of value: Any) -> [String] {
        var dumped = ""
        dump(value, to: &dumped)
        return [String(describing: value), String(reflecting: value), "\(value)", dumped]
    }
}
