// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if Scrypt
import Crypto
import CryptoExtras
import Dispatch
package import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A hasher that uses scrypt (RFC 7914) with a random salt of 16 bytes and a hash of 32 bytes.
///
/// A hash occupies a core for tens of milliseconds and takes tens of MiB. Hashes are computed a few at a time, on
/// separate threads instead of the cooperative pool, and up to ``maximumWaiting`` callers wait.
public struct ScryptHasher: PasswordHasher {
    /// The maximum number of callers that wait for a hash.
    public static let maximumWaiting = 1024

    private let parameters: ScryptHash.Parameters
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
    public init(costExponent: Int = 15, blockSize: Int = 8, parallelism: Int = 3, concurrency: Int = 2) {
        let parameters = ScryptHash.Parameters(
            costExponent: costExponent,
            blockSize: blockSize,
            parallelism: parallelism
        )
        let problem = parameters.problem
        require(problem == nil, problem ?? "")
        require(concurrency >= 1, "concurrency is \(concurrency), must be at least 1")
        self.parameters = parameters
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

    private func onHashingThread<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        do {
            return try await self.semaphore.withPermit {
                try await withCheckedThrowingContinuation { continuation in
                    self.queue.async { continuation.resume(with: Result { try work() }) }
                }
            }
        } catch is AsyncSemaphore.Full {
            throw HasherOverloaded()
        }
    }
}

/// A scrypt hash in PHC string form: `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`, Base64 without padding.
struct ScryptHash: Sendable {
    struct Parameters: Sendable, Equatable {
        let costExponent: Int
        let blockSize: Int
        let parallelism: Int

        /// Which parameter is out of range; `nil` if none is.
        var problem: String? {
            let ranges = [
                ("costExponent", self.costExponent, 1...20), ("blockSize", self.blockSize, 1...16),
                ("parallelism", self.parallelism, 1...16),
            ]
            let wrong = ranges.first { !$2.contains($1) }
            return wrong.map { "\($0) is \($1), must be from \($2.lowerBound) to \($2.upperBound)" }
        }
    }

    let parameters: Parameters
    let salt: [UInt8]
    /// `SymmetricKey` compares in constant time.
    let key: SymmetricKey

    static func derive(_ password: String, salt: [UInt8], _ parameters: Parameters) throws -> ScryptHash {
        let key = try KDF.Scrypt.deriveKey(
            from: Array(password.utf8),
            salt: salt,
            outputByteCount: 32,
            rounds: 1 << parameters.costExponent,
            blockSize: parameters.blockSize,
            parallelism: parameters.parallelism
        )
        return ScryptHash(parameters: parameters, salt: salt, key: key)
    }

}

extension ScryptHash: CustomStringConvertible {
    init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt",
            let parameters = ScryptHash.parameters(parts[2]),
            let salt = ScryptHash.bytes(parts[3]),
            let key = ScryptHash.bytes(parts[4]), key.count == 32
        else { return nil }
        self.init(parameters: parameters, salt: salt, key: SymmetricKey(data: key))
    }

    var description: String {
        let numbers = self.parameters
        let key = self.key.withUnsafeBytes { ScryptHash.text(Array($0)) }
        let head = "$scrypt$ln=\(numbers.costExponent),r=\(numbers.blockSize),p=\(numbers.parallelism)"
        return "\(head)$\(ScryptHash.text(self.salt))$\(key)"
    }

    private static func parameters(_ text: Substring) -> Parameters? {
        let numbers = text.split(separator: ",").map { $0.split(separator: "=", maxSplits: 1) }
        guard numbers.count == 3, zip(numbers, ["ln", "r", "p"]).allSatisfy({ $0.count == 2 && $0[0] == $1 }),
            let costExponent = Int(numbers[0][1]), let blockSize = Int(numbers[1][1]),
            let parallelism = Int(numbers[2][1])
        else { return nil }
        let parameters = Parameters(costExponent: costExponent, blockSize: blockSize, parallelism: parallelism)
        return parameters.problem == nil ? parameters : nil
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(Data(bytes).base64EncodedString().prefix { $0 != "=" })
    }

    private static func bytes(_ text: Substring) -> [UInt8]? {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text + padding).map { [UInt8]($0) }
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
