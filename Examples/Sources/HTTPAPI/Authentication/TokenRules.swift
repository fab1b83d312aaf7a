// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Whose access tokens are accepted, and for whom they have to be.
///
/// ## Configuration keys
/// - `AUTH_ISSUER` (printable ASCII without quotes, optional, default `user-service`): the claim `iss`.
/// - `AUTH_AUDIENCE` (printable ASCII without quotes, optional, default `api`): the claim `aud`.
public struct TokenRules: Sendable, Hashable {
    /// By how much the clocks of two machines may differ.
    static let leeway = 10.0

    /// The claim `iss`.
    public let issuer: String
    /// The claim `aud`, or one of its values.
    public let audience: String

    /// Creates rules.
    public init(issuer: String = "user-service", audience: String = "api") {
        self.issuer = issuer
        self.audience = audience
    }

    /// Reads the configuration keys above.
    ///
    /// - Throws: ``ConfigurationError`` that names the variable which is empty or malformed.
    public init(_ settings: Settings) throws(ConfigurationError) {
        func name(_ variable: String, _ value: String) throws(ConfigurationError) -> String {
            try settings.value(variable, default: value, expected: "1 to 255 printable characters of ASCII, no quotes")
            {
                let isPrintable = $0.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") }
                return isPrintable && $0.utf8.count <= 255 ? $0 : nil
            }
        }
        self.issuer = try name("AUTH_ISSUER", "user-service")
        self.audience = try name("AUTH_AUDIENCE", "api")
    }

    /// The user that the claims of a verified token are about.
    ///
    /// - Throws: ``TokenError``.
    func user(of token: AccessToken, at time: Date) throws(TokenError) -> Identifier {
        let now = time.timeIntervalSince1970
        guard now < token.expiresAt + Self.leeway else { throw .expired }
        guard max(token.notBefore ?? 0, token.issuedAt ?? 0) <= now + Self.leeway else { throw .notYetValid }
        guard token.issuer == self.issuer else { throw .wrongIssuer }
        guard token.audience.contains(self.audience) else { throw .wrongAudience }
        guard let user = Identifier(token.subject) else { throw .unknownUser }
        return user
    }
}
