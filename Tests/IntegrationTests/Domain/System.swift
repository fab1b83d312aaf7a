// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import EventBusUsers
import Logging
import ServiceLifecycle

/// Both domain modules wired to a bus and to stores, as the example services wire them, and an ear on the outcome.
struct System: Sendable {
    let bus: any EventBus
    let users: Users
    let payments: Payments
    let paymentStore: any Store
    private let services: [any Service]
    private let opened: AsyncStream<AccountOpened>

    init(bus: any EventBus, userStore: any Store, paymentStore: any Store) {
        self.bus = bus
        self.users = Users(store: userStore, hasher: CheapHasher())
        self.payments = Payments(store: paymentStore)
        self.paymentStore = paymentStore
        let (stream, continuation) = AsyncStream.makeStream(of: AccountOpened.self)
        self.opened = stream
        let ear = EventConsumer(System.ear, on: bus) {
            On(AccountOpened.self) { event in continuation.yield(event) }
        }
        self.services = [
            ear, self.payments.consumer(on: bus), OutboxRelay(from: userStore, to: bus),
            OutboxRelay(from: paymentStore, to: bus),
        ]
    }

    /// Runs relays and consumers while `body` does its part, then shuts them down gracefully.
    func whileRunning(_ body: () async throws -> Void) async throws {
        // Nobody has to listen to opened accounts, so the ear has to be there before the first of them.
        let ear = try Subscription(System.ear, patterns: [TopicPattern(AccountOpened.topic)])
        try await self.bus.withDeliveries(to: ear) { _ in }
        try await whileRunningServices(self.services, body)
    }

    private static let ear: SubscriptionName = "test.opened"

    func nextOpenedAccount() async throws -> AccountOpened {
        for await event in self.opened { return event }
        throw CancellationError()
    }
}

/// The part of `payment.account.opened` that the tests read.
struct AccountOpened: Event {
    static let topic: Topic = "payment.account.opened"
    let accountID: Identifier
    let userID: Identifier

    enum CodingKeys: String, CodingKey {
        case accountID = "account_id"
        case userID = "user_id"
    }
}

/// A hasher that costs nothing, so that tests measure the rest.
struct CheapHasher: PasswordHasher {
    func hash(_ password: String) async throws -> String { "$cheap$" + password }
    func verify(_ password: String, against hash: String) async throws -> Bool { hash == "$cheap$" + password }
}

extension Registration {
    static func sample(_ number: Int = 0, username: String? = nil) -> Registration {
        let name = username ?? "user\(number)"
        return Registration(username: name, email: "user\(number)@example.org", password: "correct horse \(number)")
    }
}

/// Runs services while `body` does its part, then shuts them down gracefully.
func whileRunningServices(_ services: [any Service], _ body: () async throws -> Void) async throws {
    let group = ServiceGroup(
        configuration: .init(services: services.map { .init(service: $0) }, logger: Logger(label: "test"))
    )
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        do {
            try await body()
        } catch {
            tasks.cancelAll()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}
