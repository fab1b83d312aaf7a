// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Something that a test of whole processes waited for did not happen in time.
public struct NeverHappened: Error, CustomStringConvertible {
    /// What the test waited for, how long, and the last problem.
    public let description: String
}

/// Waits until something is true outside this process: of another process, a server, a file.
///
/// It polls. Within one process tests don't need that: they can await the event itself.
///
/// - Parameters:
///   - limit: how long to wait.
///   - what: what to wait for, as the words after "waited … for".
///   - check: returns a value once it is true, `nil` before; an error counts as not yet true.
/// - Throws: ``NeverHappened`` after the limit; `CancellationError`.
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

/// Waits until a condition holds outside this process; see the form that returns a value.
public func eventually(within limit: Duration, _ what: String, _ condition: () async throws -> Bool) async throws {
    let _: Bool = try await eventually(within: limit, what) { try await condition() ? true : nil }
}
