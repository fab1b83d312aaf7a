// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The part of `user.created` that this module needs.
///
/// The contract between the modules is the JSON, not a Swift type.
struct UserCreated: Event {
    static let topic: Topic = "user.created"

    let userID: Identifier

    enum CodingKeys: String, CodingKey {
        case userID = "user_id"
    }
}

/// A payment account has been opened.
public struct PaymentAccountOpened: Event {
    /// `payment.account.opened`.
    public static let topic: Topic = "payment.account.opened"

    /// `false`: the event may have no subscriber.
    public static let requiresSubscriber = false

    /// The account.
    public let accountID: Identifier
    /// The user that the account belongs to.
    public let userID: Identifier
    /// An ISO 4217 code.
    public let currency: String
    /// The balance in minor units of the currency.
    public let balance: Int64
    /// When the account was opened.
    public let createdAt: Date

    /// Events about the same user's account are processed in order.
    public var orderingKey: String? { self.userID.description }

    init(_ account: PaymentAccount) {
        self.accountID = account.id
        self.userID = account.owner
        self.currency = account.currency
        self.balance = account.balance
        self.createdAt = account.createdAt
    }

    enum CodingKeys: String, CodingKey {
        case accountID = "account_id"
        case userID = "user_id"
        case currency, balance
        case createdAt = "created_at"
    }
}
