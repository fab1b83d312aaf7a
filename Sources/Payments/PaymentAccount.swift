// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A user's payment account.
public struct PaymentAccount: Entity {
    /// Each user has one account.
    public static let byOwner = UniqueKey<PaymentAccount>("accounts_owner_key", on: "owner")

    /// The table `accounts`.
    public static let schema = EntitySchema<PaymentAccount>(
        table: "accounts",
        columns: [.uuid("id"), .uuid("owner"), .text("currency"), .int("balance"), .timestamp("created_at")],
        uniqueKeys: [byOwner]
    )

    /// Identifies the account permanently.
    public let id: Identifier
    /// The id of the user that the account belongs to.
    public let owner: Identifier
    /// An ISO 4217 code, for example `EUR`.
    public let currency: String
    /// The balance in minor units of the currency, such as cents.
    public let balance: Int64
    /// When the account was opened.
    public let createdAt: Date

    enum CodingKeys: String, CodingKey {
        case id, owner, currency, balance
        case createdAt = "created_at"
    }
}
