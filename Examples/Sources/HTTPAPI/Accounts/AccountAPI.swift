// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
public import EventBusPayments
import HTTPTypes
import Hummingbird

/// Payment accounts over HTTP: `GET /api/accounts/{user_id}`.
public struct AccountAPI: Sendable {
    private let payments: Payments

    /// Creates the API of the module.
    public init(_ payments: Payments) {
        self.payments = payments
    }

    /// `200` with the user's account; `404` for everything that is not the id of a user with an account.
    public var endpoints: [Endpoint] {
        [
            Endpoint(.get, "/api/accounts/{user_id}", Self.account) { _, context in
                guard let owner = context.parameters.get("user_id").flatMap({ Identifier($0) }),
                    let account = try await self.payments.account(of: owner)
                else { throw Problem(.notFound, "There is no account of this user, or not yet.") }
                return JSON.response(.ok, Answer(account))
            }
        ]
    }

    private struct Answer: Encodable {
        let id: Identifier
        let userID: Identifier
        let currency: String
        let balance: Int64
        let createdAt: String

        init(_ account: PaymentAccount) {
            self.id = account.id
            self.userID = account.owner
            self.currency = account.currency
            self.balance = account.balance
            self.createdAt = JSON.text(of: account.createdAt)
        }

        enum CodingKeys: String, CodingKey {
            case id, currency, balance
            case userID = "user_id"
            case createdAt = "created_at"
        }
    }
}
