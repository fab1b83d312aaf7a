// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

@testable import EventBusPayments

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct PaymentsTests {
    private let stage = ManualExecutor()
    private let store = InMemoryStore()
    private let bus: InMemoryEventBus
    private let payments: Payments

    init() throws {
        self.bus = InMemoryEventBus(clock: self.stage.clock)
        self.payments = Payments(store: self.store)
        let consumer = self.payments.consumer(on: self.bus, clock: self.stage.clock)
        _ = self.stage.start { try await consumer.run() }
    }

    /// The event `user.created` as the contract defines it.
    ///
    /// The tests of both modules read the file.
    private static func fixture() throws -> [UInt8] {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fixtures/user.created.json")
        return [UInt8](try Data(contentsOf: file))
    }

    private static let ada = Identifier(high: 0x019B_7700_0000_7000, low: 0x8000_0000_0000_00A1)

    private func message(_ body: String, id: String = "m1", version: Int = 1) -> Message {
        Message(
            id: id,
            topic: "user.created",
            version: version,
            time: Date(timeIntervalSince1970: 1_767_225_600),
            body: Array(body.utf8)
        )
    }

    private func created(_ user: Identifier, id: String) -> Message {
        self.message(#"{"user_id":"\#(user)","username":"u"}"#, id: id)
    }

    private func publish(_ messages: Message...) throws {
        let (bus, messages) = (self.bus, messages)
        let outcomes = try self.stage.run { await bus.publish(messages) }
        #expect(outcomes.allSatisfy { $0.isConfirmed })
        self.stage.settle()
    }

    private func account(of user: Identifier) throws -> PaymentAccount? {
        let payments = self.payments
        return try self.stage.run { try await payments.account(of: user) }
    }

    private func published() throws -> [Message] {
        let store = self.store
        return try self.stage.run {
            let messages = Mutex<[Message]>([])
            try await store.outbox.withOwnership { outbox in
                let rows = try await outbox.exchange(published: [], limit: 1000, except: HeldRows())
                messages.withLock { $0 = rows.map(\.message) }
            }
            return messages.withLock { $0 }
        }
    }

    private var deadLetters: [DeadLetter] { self.bus.report(of: Payments.subscription)?.deadLetters ?? [] }

    @Test func theEventOfTheContractOpensAnAccount() throws {
        var message = self.message("")
        message.body = try Self.fixture()
        try self.publish(message)
        let account = try #require(try self.account(of: Self.ada))
        #expect(account.owner == Self.ada)
        #expect(account.currency == "EUR")
        #expect(account.balance == 0)
        #expect(self.deadLetters.isEmpty)
    }

    @Test func anEventIsPublishedForTheNewAccount() throws {
        try self.publish(self.created(Self.ada, id: "m1"))
        let account = try #require(try self.account(of: Self.ada))
        let messages = try self.published()
        #expect(messages.count == 1)
        let message = try #require(messages.first)
        #expect(message.topic == "payment.account.opened")
        #expect(message.requiresSubscriber == false)
        #expect(message.orderingKey == Self.ada.description)
        #expect(message.source == "/payment")
        let time = message.time.formatted(.iso8601)
        #expect(time.hasSuffix("Z"))
        let object = try JSONDecoder().decode([String: Field].self, from: Data(message.body))
        #expect(object["account_id"] == .text(account.id.description))
        #expect(object["user_id"] == .text(Self.ada.description))
        #expect(object["currency"] == .text("EUR"))
        #expect(object["balance"] == .number(0))
        #expect(object.keys.sorted() == ["account_id", "balance", "created_at", "currency", "user_id"])
    }

    private enum Field: Decodable, Equatable {
        case text(String)
        case number(Int)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }

    @Test func theCurrencyCanBeConfigured() throws {
        let (store, bus) = (InMemoryStore(), InMemoryEventBus(clock: self.stage.clock))
        let payments = Payments(store: store, currency: "JPY")
        let consumer = payments.consumer(on: bus, clock: self.stage.clock)
        _ = self.stage.start { try await consumer.run() }
        let message = self.created(Self.ada, id: "m1")
        try self.stage.run { _ = await bus.publish([message]) }
        self.stage.settle()
        #expect(try self.stage.run { try await payments.account(of: Self.ada) }?.currency == "JPY")
    }

    @Test func aUserWithoutAnEventHasNoAccount() throws {
        try self.publish(self.created(Self.ada, id: "m1"))
        #expect(try self.account(of: Identifier(high: 1, low: 2)) == nil)
    }

    @Test func theSameEventThreeTimesOpensOneAccount() throws {
        let message = self.created(Self.ada, id: "m1")
        try self.publish(message, message)
        let account = try self.account(of: Self.ada)
        try self.publish(message)
        #expect(try self.account(of: Self.ada)?.id == account?.id)
        #expect(try self.published().count == 1)
        #expect(self.deadLetters.isEmpty)
    }

    @Test func anotherEventAboutAUserWithAnAccountHasNoEffect() throws {
        try self.publish(self.created(Self.ada, id: "m1"))
        let account = try #require(try self.account(of: Self.ada))
        try self.publish(self.created(Self.ada, id: "m2"), self.created(Self.ada, id: "m3"))
        self.stage.advance(by: .seconds(1_000_000))
        #expect(try self.account(of: Self.ada)?.id == account.id)
        #expect(try self.published().count == 1)
        #expect(self.deadLetters.isEmpty)
    }

    @Test func eachUserHasOneAccount() throws {
        let users = (1...50).map { Identifier(high: 7, low: $0) }
        for (number, user) in users.enumerated() {
            try self.publish(self.created(user, id: "a\(number)"), self.created(user, id: "b\(number)"))
        }
        let accounts = try users.map { try #require(try self.account(of: $0)) }
        #expect(accounts.map(\.owner) == users)
        #expect(Set(accounts.map(\.id)).count == 50)
        // The outbox returns one row for each ordering key, and each user has its own key.
        #expect(Set(try self.published().map(\.orderingKey)).count == 50)
    }

    @Test func aBatchOfEventsAboutOneUserOpensOneAccount() throws {
        let (store, bus) = (InMemoryStore(), InMemoryEventBus(clock: self.stage.clock))
        let payments = Payments(store: store)
        let messages = (0..<6).map { self.created(Identifier(high: 7, low: $0 / 3), id: "m\($0)") }
        try self.stage.run {
            let subscription = try Subscription(Payments.subscription, patterns: ["user.created"])
            try await bus.withDeliveries(to: subscription) { _ in }
            _ = await bus.publish(messages)
        }
        let options = ConsumerOptions(concurrency: 1)
        let consumer = payments.consumer(on: bus, batch: 6, options: options, clock: self.stage.clock)
        _ = self.stage.start { try await consumer.run() }
        for low in UInt64(0)...1 {
            let account = try self.stage.run { try await payments.account(of: Identifier(high: 7, low: low)) }
            #expect(account != nil)
        }
        #expect(bus.report(of: Payments.subscription)?.deadLetters.isEmpty == true)
    }

    @Test(arguments: [
        (#"{"username":"ada"}"#, "user.created: field user_id is missing"),
        (#"{"user_id":null}"#, "user.created: field user_id is null"),
        (#"{"user_id":7}"#, "user.created: field user_id has the wrong type"),
        (#"{"user_id":"ada"}"#, "user.created: field user_id has an invalid value"),
        ("user_id=ada", "user.created: the body is not valid JSON"),
        ("", "user.created: the body is not valid JSON"),
    ])
    func anUndecodableMessageIsADeadLetterWithAReason(body: String, reason: String) throws {
        let bad = self.message(body, id: "bad")
        try self.publish(bad, self.created(Self.ada, id: "good"))
        #expect(self.deadLetters.map(\.message) == [bad])
        #expect(self.deadLetters.first?.reason == reason)
        #expect(try self.account(of: Self.ada) != nil)
        #expect(try self.published().count == 1)
    }

    @Test func aNewerVersionWaitsForANewerConsumerAndDelaysNothing() throws {
        let newer = self.message(#"{"user_id":"019b7700-0000-7000-8000-0000000000a1"}"#, id: "newer", version: 2)
        try self.publish(newer, self.created(Self.ada, id: "good"))
        #expect(self.deadLetters.isEmpty)
        #expect(try self.account(of: Self.ada) != nil)
    }

    @Test func unknownFieldsAreIgnored() throws {
        let body = #"{"user_id":"\#(Self.ada)","username":7,"email":null,"created_at":"yesterday","new":{"deep":[1]}}"#
        try self.publish(self.message(body))
        #expect(try self.account(of: Self.ada) != nil)
    }
}
