// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The keys that were fetched last, and when to fetch them again: decisions only.
struct KeyCache: Sendable {
    /// How often keys are fetched without a reason.
    static let interval = Duration.seconds(300)
    /// How often they are fetched at most, whoever asks for which key.
    static let pause = Duration.seconds(10)

    /// The keys of the last success; they stay when a later attempt fails.
    private(set) var keys: VerificationKeys?
    private var attemptedAt: Duration?
    private var succeededAt: Duration?
    private var failure: String?

    /// Whether the last attempt failed.
    var isFailing: Bool { self.failure != nil }

    /// When to fetch next if nobody asks for a key that is missing.
    var nextFetch: Duration {
        guard let attemptedAt = self.attemptedAt else { return .zero }
        return attemptedAt + (self.failure == nil ? Self.interval : Self.pause)
    }

    /// Whether it is time to fetch because of a token whose key is missing, which anybody can send.
    func mayFetch(for id: String, at now: Duration) -> Bool {
        guard let keys = self.keys, let attemptedAt = self.attemptedAt, !keys.contains(id) else { return false }
        return now >= attemptedAt + Self.pause
    }

    mutating func begin(at now: Duration) {
        self.attemptedAt = now
    }

    mutating func succeed(with keys: VerificationKeys, at now: Duration) {
        self.keys = keys
        self.succeededAt = now
        self.failure = nil
    }

    mutating func fail(_ reason: String) {
        self.failure = reason
    }

    /// What somebody on call should know; `nil` when all is well.
    func note(at now: Duration) -> String? {
        guard let failure = self.failure else {
            return self.keys == nil ? "the keys of AUTH_JWKS_URL have not been fetched yet" : nil
        }
        guard let succeededAt = self.succeededAt else {
            return "access tokens cannot be verified, AUTH_JWKS_URL has given no keys yet: \(failure)"
        }
        let age = (now - succeededAt).components.seconds
        return "the keys of AUTH_JWKS_URL are \(age) s old, they cannot be fetched again: \(failure)"
    }
}
