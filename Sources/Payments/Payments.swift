// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence
public import Logging

/// Keeps payment accounts: one for each user that anybody has told the bus of.
public struct Payments: Sendable {
    /// The subscription through which the module hears of users.
    public static let subscription: SubscriptionName = "payments.accounts"

    private let store: any Store
    private let accounts: any Repository<PaymentAccount>
    private let currency: String

    /// Makes the service.
    ///
    /// - Parameters:
    ///   - store: where accounts, inbox and outbox are kept.
    ///   - currency: the currency of new accounts, an ISO 4217 code: three capital letters, or it is a programming error.
    public init(store: any Store, currency: String = "EUR") {
        let isCode =
            currency.utf8.count == 3
            && currency.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        precondition(isCode, "a currency is three capital letters")
        self.store = store
        self.accounts = store.repository(for: PaymentAccount.self)
        self.currency = currency
    }

    /// The account of a user, or `nil`.
    ///
    /// - Throws: `RepositoryError` when the store cannot be reached.
    public func account(of owner: Identifier) async throws -> PaymentAccount? {
        try await self.accounts.find(by: PaymentAccount.byOwner, owner)
    }

    /// The consumer that opens exactly one account for each user and publishes `payment.account.opened`.
    ///
    /// A further event about a user who has an account changes nothing, whatever its id.
    ///
    /// - Parameters:
    ///   - bus: where the events come from.
    ///   - batch: how many events may share a transaction.
    ///   - options: prefetch, concurrency, retries, time limit.
    ///   - clock: measures time limits and delays.
    ///   - logger: where retries and dead letters are told.
    public func consumer(
        on bus: any EventBus,
        batch: Int = 1,
        options: ConsumerOptions = ConsumerOptions(),
        clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger = .current
    ) -> EventConsumer {
        let accounts = self.accounts
        let currency = self.currency
        return EventConsumer(
            Self.subscription,
            on: bus,
            store: self.store,
            batch: batch,
            options: options,
            clock: clock,
            logger: logger
        ) {
            On(UserCreated.self, doneOn: PaymentAccount.byOwner) { event, transaction in
                let stamp = Stamp.next()
                let account = PaymentAccount(
                    id: stamp.id,
                    owner: event.userID,
                    currency: currency,
                    balance: 0,
                    createdAt: stamp.time
                )
                try accounts.insert(account, in: transaction)
                try transaction.publish(PaymentAccountOpened(account))
            }
        }
    }
}
