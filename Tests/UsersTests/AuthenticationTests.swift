// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

@testable import EventBusUsers

@Suite struct AuthenticationTests {
    private static let password = "a long secret"
    private static let composed = "caf\u{E9} au lait"
    private static let decomposed = "cafe\u{301} au lait"

    private let store = InMemoryStore()
    private let hasher = RecordingHasher()

    private var users: Users { Users(store: self.store, hasher: self.hasher) }

    /// A user whose hash was made of these bytes, by a hasher of this strength.
    private func store(_ password: String = Self.password, strength: Int = 1) async throws -> User {
        let stamp = Stamp.next()
        let user = User(
            id: stamp.id,
            username: "Ada",
            email: "ada@example.org",
            passwordHash: RecordingHasher.hash(password, strength: strength),
            createdAt: stamp.time
        )
        let repository = self.store.repository(for: User.self)
        try await self.store.transaction { try repository.insert(user, in: $0) }
        return user
    }

    private func storedHash(of user: User) async throws -> String? {
        try await self.users.user(user.id)?.passwordHash
    }

    // MARK: Who gets in

    @Test(arguments: ["Ada", "ada", "ADA", "ada@example.org", "Ada@EXAMPLE.org"])
    func aUserIsFoundByNameOrAddressInAnyLetterCase(name: String) async throws {
        let user = try await self.store()
        #expect(try await self.users.authenticate(name, password: Self.password).id == user.id)
    }

    @Test(arguments: [
        ("Ada", "a long secre"), ("Ada", "A long secret"), ("Ada", "a long secret "),
        ("ada@example.org", "wrong password"),
        ("Grace", password), ("grace@example.org", password), ("example.org", password), ("", password),
        ("Ada\0", password), ("' OR 1=1 --", password), (String(repeating: "a", count: 10_000), password),
    ])
    func everybodyElseGetsTheSameErrorAfterTheSameWork(name: String, password: String) async throws {
        _ = try await self.store()
        let users = self.users
        await #expect(throws: AuthenticationError()) { try await users.authenticate(name, password: password) }
        #expect(self.hasher.passwords == [Array(password.utf8)])
    }

    @Test func anUnknownNameMakesAsManyHashesAsAWrongPassword() async throws {
        _ = try await self.store()
        let users = self.users
        let expected = [Array(Self.composed.utf8), Array(Self.decomposed.utf8)]
        for name in ["Ada", "Grace"] {
            await #expect(throws: AuthenticationError()) {
                try await users.authenticate(name, password: Self.decomposed)
            }
            #expect(self.hasher.takePasswords() == expected)
        }
    }

    @Test(arguments: ["", String(repeating: "x", count: 1025)])
    func aPasswordThatNobodyCanHaveIsNotHashed(password: String) async throws {
        _ = try await self.store()
        let users = self.users
        for name in ["Ada", "Grace"] {
            await #expect(throws: AuthenticationError()) { try await users.authenticate(name, password: password) }
        }
        #expect(self.hasher.passwords == [])
    }

    @Test func theErrorNamesNoValue() {
        #expect("\(AuthenticationError())" == "the name or the password is wrong")
    }

    // MARK: Preparation

    @Test(arguments: [composed, decomposed], [composed, decomposed])
    func aPasswordIsTheSameHoweverItsMarksAreTyped(registered: String, typed: String) async throws {
        let user = try await self.users
            .register(Registration(username: "Ada", email: "ada@example.org", password: registered))
        #expect(user.passwordHash == RecordingHasher.hash(Self.composed, strength: 1))
        #expect(try await self.users.authenticate("ada", password: typed).id == user.id)
        #expect(try await self.storedHash(of: user) == user.passwordHash)
    }

    @Test func aHashOfWhatWasTypedStillMatchesAndIsReplaced() async throws {
        let user = try await self.store(Self.decomposed)
        let users = self.users
        await #expect(throws: AuthenticationError()) { try await users.authenticate("Ada", password: Self.composed) }
        _ = try await users.authenticate("Ada", password: Self.decomposed)
        #expect(try await self.storedHash(of: user) == RecordingHasher.hash(Self.composed, strength: 1))
        // From now on every keyboard will do.
        _ = try await users.authenticate("Ada", password: Self.composed)
    }

    // MARK: Stronger hashes

    @Test func aWeakerHashIsReplacedAtALogin() async throws {
        let user = try await self.store(strength: 1)
        self.hasher.strength = 2
        let users = self.users
        await #expect(throws: AuthenticationError()) { try await users.authenticate("Ada", password: "wrong password") }
        #expect(try await self.storedHash(of: user) == user.passwordHash, "only its owner can replace it")
        _ = try await users.authenticate("Ada", password: Self.password)
        #expect(try await self.storedHash(of: user) == RecordingHasher.hash(Self.password, strength: 2))
        #expect(self.hasher.takePasswords().count == 3)
        _ = try await users.authenticate("Ada", password: Self.password)
        #expect(self.hasher.passwords.count == 1, "once")
        let stored = try await users.user(user.id)
        #expect(stored?.username == "Ada" && stored?.email == "ada@example.org" && stored?.createdAt == user.createdAt)
        #expect(try await self.store.waitingMessages() == [])
    }

    @Test func aStrongerHashIsKept() async throws {
        let user = try await self.store(strength: 3)
        self.hasher.strength = 2
        _ = try await self.users.authenticate("Ada", password: Self.password)
        #expect(try await self.storedHash(of: user) == user.passwordHash)
    }

    @Test func aPasswordThatIsChangedInTheMeantimeStays() async throws {
        let user = try await self.store(strength: 1)
        self.hasher.strength = 2
        let changed = user.with(passwordHash: RecordingHasher.hash("another password", strength: 2))
        let repository = self.store.repository(for: User.self)
        self.hasher.beforeHashing = { [store] in
            try await store.transaction { try repository.update(changed, in: $0) }
        }
        _ = try await self.users.authenticate("Ada", password: Self.password)
        #expect(try await self.storedHash(of: user) == changed.passwordHash)
    }

    @Test func aLoginSucceedsWhenTheHashCannotBeReplaced() async throws {
        let user = try await self.store(strength: 1)
        self.hasher.strength = 2
        self.hasher.beforeHashing = { throw HasherOverloaded() }
        #expect(try await self.users.authenticate("Ada", password: Self.password).id == user.id)
        #expect(try await self.storedHash(of: user) == user.passwordHash)

        let readOnly = UnreachableStore(canRead: true)
        let copy = readOnly.base.repository(for: User.self)
        try await readOnly.base.transaction { try copy.insert(user, in: $0) }
        self.hasher.beforeHashing = {}
        let users = Users(store: readOnly, hasher: self.hasher)
        #expect(try await users.authenticate("Ada", password: Self.password).id == user.id)
    }

    @Test func aCancelledLoginThrows() async throws {
        _ = try await self.store(strength: 1)
        self.hasher.strength = 2
        self.hasher.beforeHashing = { throw CancellationError() }
        let users = self.users
        await #expect(throws: CancellationError.self) { try await users.authenticate("Ada", password: Self.password) }
    }

    // MARK: Failures

    @Test func withoutAStoreNobodyIsAuthenticated() async throws {
        let users = Users(store: UnreachableStore(), hasher: self.hasher)
        let error = await #expect(throws: RepositoryError.self) {
            try await users.authenticate("Ada", password: Self.password)
        }
        #expect(error?.code == .unavailable)
        #expect(self.hasher.passwords == [])
    }

    @Test func aUserIsFoundByID() async throws {
        let user = try await self.store()
        #expect(try await self.users.user(user.id)?.username == "Ada")
        #expect(try await self.users.user(Stamp.next().id) == nil)
    }
}
