// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBusUsers

/// One SHA-256 over a salt and the password: unfit for real passwords, which can be guessed by the billion.
struct CheapHasher: PasswordHasher {
    func hash(_ password: String) async throws -> String {
        var generator = SystemRandomNumberGenerator()
        return Self.text(of: password, salt: String(generator.next(), radix: 16))
    }

    func verify(_ password: String, against hash: String) async throws -> Bool {
        let parts = hash.split(separator: "$")
        guard parts.count == 3 else { return false }
        return Self.text(of: password, salt: String(parts[1])) == hash
    }

    private static func text(of password: String, salt: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let digest = SHA256.hash(data: Array((salt + password).utf8)).flatMap { byte in
            [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return "$sha256$\(salt)$\(String(decoding: digest, as: UTF8.self))"
    }
}
