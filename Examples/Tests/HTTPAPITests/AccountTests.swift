// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import Foundation
import HTTPAPI
import Hummingbird
import Testing

@Suite("Accounts over HTTP", .timeLimit(.minutes(1)))
struct AccountTests {
    @Test("an account that was opened is answered", arguments: ["", "/"])
    func account(_ slash: String) async throws {
        let store = InMemoryStore()
        let owner = Stamp.next().id
        let account = try PaymentAccount.sample(owner: owner)
        let accounts = store.repository(for: PaymentAccount.self)
        try await store.transaction { try accounts.insert(account, in: $0) }

        let path = "/api/accounts/\(owner)" + slash
        let answer = try await Router.api(store: store).answer(.get, path)
        #expect(answer.status == 200)
        #expect(Set(answer.json.keys) == ["id", "user_id", "currency", "balance", "created_at"])
        #expect(answer.json["id"] as? String == account.id.description)
        #expect(answer.json["user_id"] as? String == owner.description)
        #expect(answer.json["currency"] as? String == "EUR")
        #expect(answer.json["balance"] as? Int == 1250)
        #expect(answer.json["created_at"] as? String == "2026-01-01T00:00:00Z")

        let upperCase = try await Router.api(store: store).answer(.get, path.uppercasedIdentifier(owner))
        #expect(upperCase.status == 200)
    }

    @Test(
        "what is no user with an account is 404",
        arguments: ["0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11", "nobody", "1", "%27%20OR%201=1", "%00", "-"]
    )
    func unknown(_ id: String) async throws {
        let answer = try await Router.api().answer(.get, "/api/accounts/\(id)")
        #expect(answer.status == 404)
        #expect(answer.headers[.contentType] == "application/problem+json")
    }

    @Test("a store that is away is 503 with Retry-After")
    func storeAway() async throws {
        let router = Router.api(store: FailingStore(error: RepositoryError(.unavailable, "away")))
        let answer = try await router.answer(.get, "/api/accounts/\(Stamp.next().id)")
        #expect(answer.status == 503)
        #expect(answer.headers[.retryAfter] == "5")
    }
}

extension PaymentAccount {
    /// An account as the store would read it.
    static func sample(owner: Identifier) throws -> PaymentAccount {
        let json = """
            {"id":"\(Stamp.next().id)","owner":"\(owner)","currency":"EUR","balance":1250,"created_at":788918400}
            """
        // Seconds since 2001, as a plain decoder reads dates.
        return try JSONDecoder().decode(PaymentAccount.self, from: Data(json.utf8))
    }
}

extension String {
    fileprivate func uppercasedIdentifier(_ id: Identifier) -> String {
        self.replacing(id.description, with: id.description.uppercased())
    }
}
