// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if Scrypt
import Crypto
import CryptoExtras

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

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

        /// The memory that a hash takes, in units of 128 bytes (RFC 7914 §2).
        private var memory: Int { self.blockSize << self.costExponent }
        /// The time that a hash takes, in units of which only the ratio matters.
        private var time: Int { self.memory * self.parallelism }

        /// Whether a hash takes less memory or less time than one with other parameters.
        func isWeaker(than other: Parameters) -> Bool { self.memory < other.memory || self.time < other.time }
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
#endif
