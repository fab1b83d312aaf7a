// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Why a text has no keys to sign with.
enum SigningKeysError: Error, Sendable, Hashable, CustomStringConvertible {
    /// It has none, or more than two.
    case count(Int)
    /// One of them, counted from 1, is of another kind.
    case unusable(Int)
    /// Both are the same.
    case same

    var description: String {
        switch self {
        case .count(let count): "it has \(count) keys, and must have one or two"
        case .unusable(let number): "key \(number) is not a private key of Ed25519 in PKCS #8"
        case .same: "both keys are the same"
        }
    }
}
