// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence
public import Logging

/// Opens a payment account for each user, when `user.created` arrives.
public struct Payments: Sendable {
    /// The module's subscription to events about users.
    public static let subscription: SubscriptionName = "payments.accounts"

    private let store: any Store
    private let accounts: any Repository<PaymentAccount>
    private let currency: String

    /// Creates the service.
    ///
    /// - Parameters:
    ///   - store: the store with the accounts, the inbox and the outbox.
    ///   - currency: the currency of new accounts, an ISO 4217 code of three capital letters.
    public init(store: any Store, currency: String = "EUR") {
        let isCode =
            currency.utf8.count == 3
            && currency.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        require(isCode, "currency \"\(currency)\": must be three capital letters")
        self.store = store
        self.accounts = store.repository(for: PaymentAccount.self)
        self.currency = currency
    }

    /// Returns the account of a user, or `nil`.
    ///
    /// - Throws: `RepositoryError` if the store cannot be reached.
    public func account(of owner: Identifier) async throws -> PaymentAccount? {
        try await self.accounts.find(by: PaymentAccount.byOwner, owner)
    }

    /// Returns a consumer that opens exactly one account for each user and publishes `payment.account.opened`.
    ///
    /// Further events about a user who has an account change nothing, whatever their ids.
    ///
    /// - Parameters:
    ///   - bus: the bus to subscribe to.
    ///   - batch: the maximum number of events that share a transaction.
    ///   - options: prefetch, concurrency, retries, time limit.
    ///   - clock: measures time limits and delays.
    ///   - logger: logs retries and dead letters.
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
