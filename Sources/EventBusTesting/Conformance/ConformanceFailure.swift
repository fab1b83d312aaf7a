// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A bus or a store breaks a rule of the contract.
public struct ConformanceFailure: Error, CustomStringConvertible {
    /// What was expected and what happened.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Throws unless two values are equal.
func expect<Value: Equatable>(_ what: String, _ seen: Value, _ expected: Value) throws {
    guard seen != expected else { return }
    throw ConformanceFailure("\(what): expected \(expected), got \(seen)")
}

/// Throws unless a condition holds.
func expect(_ what: String, _ condition: Bool) throws {
    guard !condition else { return }
    throw ConformanceFailure("expected: \(what)")
}
