// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
public import EventBusPayments
import HTTPTypes
import Hummingbird

/// Payment accounts over HTTP: `GET /api/accounts/{user_id}` and, where users log in, `GET /api/accounts/me`.
public struct AccountAPI: Sendable {
    /// The path of the account of the user whose access token it is.
    public static let ownPath = "/api/accounts/me"

    private let payments: Payments
    private let authenticator: Authenticator?

    /// Creates the API of the module.
    ///
    /// - Parameters:
    ///   - payments: the module.
    ///   - authenticator: finds out who asks, for everybody sees only the own account; without it anybody sees all of them.
    public init(_ payments: Payments, authenticator: Authenticator? = nil) {
        self.payments = payments
        self.authenticator = authenticator
    }

    /// `200` with the user's account; `404` for everything that is not the id of a user with an account; `401` and `403` when
    /// somebody else asks.
    public var endpoints: [Endpoint] {
        let operation = Self.account(isSecured: self.authenticator != nil)
        let byID = Endpoint(.get, "/api/accounts/{user_id}", operation) { request, context in
            let owner = context.parameters.get("user_id").flatMap { Identifier($0) }
            if let authenticator = self.authenticator {
                // Before the account is looked for: whether others have one is nobody's business.
                guard try await authenticator.user(of: request) == owner else { throw Problem.forbidden }
            }
            return try await self.answer(owner)
        }
        guard let authenticator = self.authenticator else { return [byID] }
        let own = Endpoint(.get, Self.ownPath, Self.ownAccount) { request, _ in
            try await self.answer(try await authenticator.user(of: request))
        }
        return [own, byID]
    }

    private func answer(_ owner: Identifier?) async throws -> Response {
        guard let owner, let account = try await self.payments.account(of: owner) else {
            throw Problem(.notFound, "There is no account of this user, or not yet.")
        }
        return JSON.response(.ok, Answer(account))
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
