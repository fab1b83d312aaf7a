// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Testing

/// Logins at one service, and their tokens at the other, which knows nothing but the keys.
@Suite(
    "Authentication",
    .serialized,
    .enabled(if: Servers.areServicesBuilt, Servers.reasonForSkipping),
    // It takes about 11 s, 10 of them the pause before keys are fetched again. The limit is longer than those of its four waits together
    // (60 s and 40 s, twice), so that what fails is the wait, by its name.
    .timeLimit(.minutes(4))
)
struct AuthenticationTests {
    /// The private key of RFC 8410 §10.3.
    private static let first = pem("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC")
    /// The private key of RFC 8037 appendix A.1.
    private static let second = pem("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g")

    private static func pem(_ base64: String) -> String {
        "-----BEGIN PRIVATE KEY-----\n\(base64)\n-----END PRIVATE KEY-----\n"
    }

    @Test("a user logs in and sees the own account only; the key is changed without anybody logging in again")
    func loginAndRotation() async throws {
        try await Servers.withFresh { servers in
            let port = try FreePort.find()
            let url = "http://127.0.0.1:\(port)/.well-known/jwks.json"
            try await ServiceProcess.with(.payments, on: servers, settings: ["AUTH_JWKS_URL": url]) { payments in
                let (old, id) = try await Self.withUsers(on: servers, port, keys: Self.first) { users in
                    let id = try await users.register("ada").text("id")
                    #expect(try await users.logIn("ada", "wrong password").status == 401)
                    #expect(try await users.logIn("grace").status == 401)
                    let old = try await users.logIn("ADA@example.org").text("access_token")
                    #expect(try await users.get("/api/users/me", token: old).text("id") == id)

                    try await Self.untilOpened(old, at: payments)
                    #expect(try await payments.get("/api/accounts/\(id)", token: old).status == 200)
                    #expect(try await payments.get("/api/accounts/\(id)").status == 401)
                    _ = try await users.register("eve")
                    let other = try await users.logIn("eve").text("access_token")
                    #expect(try await payments.get("/api/accounts/\(id)", token: other).status == 403)
                    return (old, id)
                }
                // The new key signs, and the other service fetches it when it sees it; the old key still verifies.
                let new = try await Self.withUsers(on: servers, port, keys: Self.second + Self.first) { users in
                    let new = try await users.logIn("ada").text("access_token")
                    try await Self.untilOpened(new, at: payments)
                    #expect(try await users.get("/api/users/me", token: old).text("id") == id)
                    return new
                }
                // Without the issuer the keys go on to be used.
                #expect(try await payments.get("/api/accounts/me", token: new).text("user_id") == id)
                #expect(try await payments.get("/api/accounts/me", token: old).text("user_id") == id)
                #expect(try await payments.get("/readyz").status == 200)
            }
        }
    }

    /// Waits until the account is there and the key is known, which takes 10 s if one was fetched just before.
    private static func untilOpened(_ token: String, at payments: ServiceProcess) async throws {
        try await eventually(within: .seconds(40), "the account of a token's user") {
            try await payments.get("/api/accounts/me", token: token).status == 200
        }
    }

    private static func withUsers<Result>(
        on servers: Servers,
        _ port: Int,
        keys: String,
        _ body: (ServiceProcess) async throws -> Result
    ) async throws -> Result {
        try await ServiceProcess.with(.users, on: servers, port: port, settings: ["AUTH_KEYS": keys]) { users in
            try await users.untilReady()
            return try await body(users)
        }
    }
}
