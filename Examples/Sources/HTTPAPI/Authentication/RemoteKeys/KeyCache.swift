// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The keys that were fetched last, and when to fetch them again: decisions only.
struct KeyCache: Sendable {
    /// How often keys are fetched without a reason.
    static let interval = Duration.seconds(300)
    /// How often they are fetched at most, whoever asks for which key.
    static let pause = Duration.seconds(10)
    /// How long keys are good without another success: what has been withdrawn meanwhile is not known.
    static let maximumAge = Duration.seconds(24 * 60 * 60)

    /// The keys of the last success, until a later attempt finds them too old.
    private var fetched: VerificationKeys?
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

    /// The keys of the last success, which stay when a later attempt fails, as long as they are not too old.
    func keys(at now: Duration) -> VerificationKeys? {
        guard let succeededAt = self.succeededAt, now < succeededAt + Self.maximumAge else { return nil }
        return self.fetched
    }

    /// Whether it is time to fetch because of a token whose key is missing, which anybody can send.
    func mayFetch(for id: String, at now: Duration) -> Bool {
        guard let keys = self.keys(at: now), let attemptedAt = self.attemptedAt, !keys.contains(id) else {
            return false
        }
        return now >= attemptedAt + Self.pause
    }

    mutating func begin(at now: Duration) {
        self.attemptedAt = now
    }

    mutating func succeed(with keys: VerificationKeys, at now: Duration) {
        self.fetched = keys
        self.succeededAt = now
        self.failure = nil
    }

    /// Keeps the reason of a failure.
    ///
    /// - Returns: whether the keys are too old since then.
    mutating func fail(_ reason: String, at now: Duration) -> Bool {
        self.failure = reason
        guard self.fetched != nil, self.keys(at: now) == nil else { return false }
        self.fetched = nil
        return true
    }

    /// What somebody on call should know; `nil` when all is well.
    func note(at now: Duration) -> String? {
        guard let succeededAt = self.succeededAt else {
            guard let failure = self.failure else { return "the keys of AUTH_JWKS_URL have not been fetched yet" }
            return "access tokens cannot be verified, AUTH_JWKS_URL has given no keys yet: \(failure)"
        }
        let age = (now - succeededAt).components.seconds
        guard self.keys(at: now) != nil else {
            let reason = self.failure ?? "they have not been fetched again yet"
            return
                "access tokens cannot be verified, the keys of AUTH_JWKS_URL are \(age) s old, which is too old: \(reason)"
        }
        return self.failure.map { "the keys of AUTH_JWKS_URL are \(age) s old, they cannot be fetched again: \($0)" }
    }
}
