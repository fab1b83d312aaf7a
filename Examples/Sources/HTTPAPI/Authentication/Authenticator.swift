// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import HTTPTypes
import Hummingbird

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Finds out which user a request is from, by its access token (RFC 6750 §2.1).
public struct Authenticator: Sendable {
    /// Provides keys, best one with an id.
    typealias KeySource = @Sendable (_ id: String) async throws -> VerificationKeys

    private let keys: KeySource
    private let rules: TokenRules
    private let now: @Sendable () -> Date

    init(rules: TokenRules, now: @escaping @Sendable () -> Date = { .now }, keys: @escaping KeySource) {
        self.keys = keys
        self.rules = rules
        self.now = now
    }

    /// Creates an authenticator with keys that stay the same.
    public init(_ keys: VerificationKeys, rules: TokenRules, now: @escaping @Sendable () -> Date = { .now }) {
        self.init(rules: rules, now: now, keys: { _ in keys })
    }

    /// Creates an authenticator with the keys of another service.
    public init(_ keys: RemoteKeys, rules: TokenRules) {
        self.init(rules: rules, keys: { try await keys.keys(for: $0) })
    }

    /// The user.
    ///
    /// - Throws: ``Problem`` with status 401; with 503 when there are no keys, or only old ones.
    func user(of request: Request) async throws -> Identifier {
        guard let value = request.headers[.authorization] else { throw Problem.unauthenticated }
        do {
            let token = try PresentedToken(try BearerToken(value).text)
            let claims = try await self.keys(token.keyID).verify(token)
            return try self.rules.user(of: claims, at: self.now())
        } catch let error as TokenError {
            throw Problem.unauthorized(error)
        }
    }
}
