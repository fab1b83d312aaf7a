// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Something that a test of whole processes waited for did not happen in time.
public struct NeverHappened: Error, CustomStringConvertible {
    /// What was waited for, for how long, and what was seen last.
    public let description: String
}

/// Waits until something is true of the world outside this process: another process, a server, a file.
///
/// The only place in the tests that looks repeatedly. Within one process nothing is ever waited for in this way: there the
/// event that is waited for can be awaited.
///
/// - Parameters:
///   - limit: how long to wait.
///   - what: what is waited for, to be read after "waited for".
///   - check: returns a value as soon as it is true, `nil` before; a throw counts as not yet.
/// - Throws: ``NeverHappened`` that says what was waited for; `CancellationError`.
public func eventually<Value>(
    within limit: Duration,
    _ what: String,
    _ check: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    var lastProblem = ""
    while true {
        do {
            if let value = try await check() { return value }
            lastProblem = ""
        } catch {
            lastProblem = ", last problem: \(error)"
        }
        guard clock.now < deadline else {
            throw NeverHappened(description: "waited \(limit) for \(what)\(lastProblem)")
        }
        try await clock.sleep(for: .milliseconds(25))
    }
}

/// Waits until a condition holds in the world outside this process; see the form that returns a value.
public func eventually(within limit: Duration, _ what: String, _ condition: () async throws -> Bool) async throws {
    let _: Bool = try await eventually(within: limit, what) { try await condition() ? true : nil }
}
