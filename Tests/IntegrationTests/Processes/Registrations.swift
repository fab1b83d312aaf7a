// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Testing

/// A crowd that registers over HTTP, with the patience of real clients: what fails for now is tried again.
struct Registrations: Sendable {
    let services: [ServiceProcess]
    let prefix: String
    let count: Int

    /// Registers everybody.
    ///
    /// - Returns: the ids of those who got `201`.
    func run() async throws -> Set<String> { try await self.run {}.0 }

    /// Registers everybody; `disturb` runs beside it once a third has been registered.
    ///
    /// - Returns: the ids of those who got `201`, and what `disturb` returns.
    func run<Value: Sendable>(
        meanwhile disturb: @escaping @Sendable () async throws -> Value
    ) async throws -> (Set<String>, Value) {
        let clients = 16
        let third = AsyncStream.makeStream(of: Void.self)
        let progress = Progress(mark: self.count / 3) { third.continuation.finish() }
        async let value: Value = {
            for await _ in third.stream {}
            return try await disturb()
        }()
        let ids = try await withThrowingTaskGroup(of: [String].self) { group in
            for client in 0..<clients {
                group.addTask {
                    var ids: [String] = []
                    for number in stride(from: client, to: self.count, by: clients) {
                        // A failure must not cancel the others, or nothing would be known about them.
                        do {
                            if let id = try await self.register(number) { ids.append(id) }
                        } catch {
                            Issue.record(error, "user \(number)")
                        }
                        progress.step()
                    }
                    return ids
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.formUnion($1) }
        }
        return (ids, try await value)
    }

    /// `nil` when an attempt whose answer was lost had registered the user after all.
    private func register(_ number: Int) async throws -> String? {
        let service = self.services[number % self.services.count]
        let answer = try await eventually(within: .seconds(90), "user \(number) to be registered") {
            let answer = try await service.register("\(self.prefix)-user-\(number)")
            return answer.status == 503 || answer.status == 500 ? nil : answer
        }
        if answer.status == 409 { return nil }
        #expect(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        return try answer.text("id")
    }
}

/// Counts steps and says when a mark is reached.
private final class Progress: Sendable {
    private let steps = AtomicCounter()
    private let mark: Int
    private let reached: @Sendable () -> Void

    init(mark: Int, _ reached: @escaping @Sendable () -> Void) {
        self.mark = mark
        self.reached = reached
    }

    func step() {
        if self.steps.increment() == self.mark { self.reached() }
    }
}
