// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if Scrypt
import Dispatch
package import EventBus

/// A hasher that uses scrypt (RFC 7914) with a random salt of 16 bytes and a hash of 32 bytes.
///
/// A hash occupies a core for tens of milliseconds and takes tens of MiB. Hashes are computed a few at a time, on
/// separate threads instead of the cooperative pool. The other callers wait in order of arrival, each for a limited time; one that is
/// cancelled leaves the queue at once.
public struct ScryptHasher: PasswordHasher {
    /// The maximum number of callers that wait for a hash, whatever the time.
    public static let maximumWaiting = 1024

    private let parameters: ScryptHash.Parameters
    private let maximumWait: Duration
    private let clock: RelativeClock
    package let semaphore: AsyncSemaphore
    private let queue = DispatchQueue(label: "users.password-hashing", attributes: .concurrent)

    /// Creates a hasher.
    ///
    /// The defaults need 32 MiB for each hash. OWASP's Password Storage Cheat Sheet recommends them for that amount of
    /// memory.
    ///
    /// - Parameters:
    ///   - costExponent: the binary logarithm of scrypt's N, 1 to 20.
    ///   - blockSize: scrypt's r, 1 to 16.
    ///   - parallelism: scrypt's p, 1 to 16.
    ///   - concurrency: the number of hashes that are computed at the same time, at least 1.
    ///   - maximumWait: how long a caller waits for its turn before it gets ``HasherOverloaded``, more than zero.
    ///   - clock: tells how long somebody has waited.
    public init(
        costExponent: Int = 15,
        blockSize: Int = 8,
        parallelism: Int = 3,
        concurrency: Int = 2,
        maximumWait: Duration = .seconds(3),
        clock: some Clock<Duration> = .continuous
    ) {
        let parameters = ScryptHash.Parameters(
            costExponent: costExponent,
            blockSize: blockSize,
            parallelism: parallelism
        )
        let problem = parameters.problem
        require(problem == nil, problem ?? "")
        require(concurrency >= 1, "concurrency is \(concurrency), must be at least 1")
        require(maximumWait > .zero, "maximumWait is \(maximumWait), must be more than zero")
        self.parameters = parameters
        self.maximumWait = maximumWait
        self.clock = RelativeClock(clock)
        self.semaphore = AsyncSemaphore(permits: concurrency, maximumWaiting: Self.maximumWaiting)
    }

    /// Hashes a password with a new salt; see ``PasswordHasher/hash(_:)``.
    public func hash(_ password: String) async throws -> String {
        let parameters = self.parameters
        return try await self.onHashingThread {
            var generator = SystemRandomNumberGenerator()
            let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            return try ScryptHash.derive(password, salt: salt, parameters).description
        }
    }

    /// Verifies a password, in constant time; see ``PasswordHasher/verify(_:against:)``.
    public func verify(_ password: String, against hash: String) async throws -> Bool {
        guard let expected = ScryptHash(hash) else { return false }
        return try await self.onHashingThread {
            try ScryptHash.derive(password, salt: expected.salt, expected.parameters).key == expected.key
        }
    }

    /// Whether a hash takes less memory or less time than one with these parameters; `false` if the text is no hash of scrypt.
    public func isWeaker(_ hash: String) -> Bool {
        ScryptHash(hash)?.parameters.isWeaker(than: self.parameters) ?? false
    }

    private func onHashingThread<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        do {
            return try await self.semaphore.withPermit(waitingAtMost: self.maximumWait, on: self.clock) {
                try await withCheckedThrowingContinuation { continuation in
                    self.queue.async { continuation.resume(with: Result { try work() }) }
                }
            }
        } catch is AsyncSemaphore.Full, is TimeLimitExceeded {
            throw HasherOverloaded()
        }
    }
}
#else
/// Hashes passwords with scrypt; needs the package trait `Scrypt`.
@available(
    *,
    unavailable,
    message: "needs the trait Scrypt of swift-event-bus: write traits: [\"Scrypt\"] in its .package(…)"
)
public struct ScryptHasher {}
#endif
