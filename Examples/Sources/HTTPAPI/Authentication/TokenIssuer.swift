// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import JWTKit

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Issues access tokens for users.
public struct TokenIssuer: Sendable {
    let keys: SigningKeys
    let rules: TokenRules
    /// How long a token holds, in seconds.
    let lifetime: Int
    private let now: @Sendable () -> Date

    /// Creates an issuer.
    ///
    /// - Parameters:
    ///   - keys: sign.
    ///   - rules: the issuer and the audience of the tokens.
    ///   - lifetime: how long a token holds, in seconds. It cannot be taken back before.
    ///   - now: the time.
    public init(
        _ keys: SigningKeys,
        rules: TokenRules,
        lifetime: Int = 900,
        now: @escaping @Sendable () -> Date = { .now }
    ) {
        self.keys = keys
        self.rules = rules
        self.lifetime = lifetime
        self.now = now
    }

    /// Creates an issuer from its settings; `nil` when no key is set.
    ///
    /// ## Configuration keys
    /// - those of ``SigningKeys`` and ``TokenRules``.
    /// - `AUTH_TOKEN_SECONDS` (60 to 86400, optional, default 900): how long a token holds.
    ///
    /// - Throws: ``ConfigurationError``.
    public init?(_ settings: Settings) throws(ConfigurationError) {
        let rules = try TokenRules(settings)
        let lifetime = try settings.number("AUTH_TOKEN_SECONDS", default: 900, in: 60...86_400)
        guard let keys = try SigningKeys(settings) else { return nil }
        self.init(keys, rules: rules, lifetime: lifetime)
    }

    /// What accepts the tokens in the same process.
    public var authenticator: Authenticator {
        Authenticator(self.keys.verificationKeys, rules: self.rules, now: self.now)
    }

    func token(for user: Identifier) async throws -> String {
        let issuedAt = self.now().timeIntervalSince1970.rounded(.down)
        let token = AccessToken(
            issuer: self.rules.issuer,
            audience: [self.rules.audience],
            subject: user.description,
            issuedAt: issuedAt,
            expiresAt: issuedAt + Double(self.lifetime),
            id: Stamp.next().id.description
        )
        let key = self.keys.current
        let id = JWKIdentifier(string: key.id)
        return try await JWTKeyCollection().add(eddsa: key.privateKey, kid: id).sign(token, kid: id)
    }
}
