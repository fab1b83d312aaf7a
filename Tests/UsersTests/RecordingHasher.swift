// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers
import Synchronization

/// A hasher that hides nothing, records what it was asked for, and whose strength can be changed.
final class RecordingHasher: PasswordHasher {
    private struct State: Sendable {
        var strength = 1
        var passwords: [[UInt8]] = []
        var beforeHashing: @Sendable () async throws -> Void = {}
    }

    private let state = Mutex(State())

    static func hash(_ password: String, strength: Int) -> String {
        "$\(strength)$" + password.utf8.map { String($0, radix: 16) }.joined(separator: ".")
    }

    var strength: Int {
        get { self.state.withLock { $0.strength } }
        set { self.state.withLock { $0.strength = newValue } }
    }

    /// What happens while a password is hashed.
    var beforeHashing: @Sendable () async throws -> Void {
        get { self.state.withLock { $0.beforeHashing } }
        set { self.state.withLock { $0.beforeHashing = newValue } }
    }

    /// The bytes of the passwords that were hashed or verified.
    var passwords: [[UInt8]] { self.state.withLock { $0.passwords } }

    func takePasswords() -> [[UInt8]] {
        self.state.withLock { state in
            defer { state.passwords = [] }
            return state.passwords
        }
    }

    func hash(_ password: String) async throws -> String {
        let (strength, beforeHashing) = self.state.withLock { state in
            state.passwords.append(Array(password.utf8))
            return (state.strength, state.beforeHashing)
        }
        try await beforeHashing()
        return Self.hash(password, strength: strength)
    }

    func verify(_ password: String, against hash: String) async throws -> Bool {
        self.state.withLock { $0.passwords.append(Array(password.utf8)) }
        return (1...9).contains { Self.hash(password, strength: $0) == hash }
    }

    func isWeaker(_ hash: String) -> Bool {
        hash.split(separator: "$").first.flatMap { Int($0) }.map { $0 < self.strength } ?? false
    }
}
