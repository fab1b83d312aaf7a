// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Testing

@Suite(
    "Redriving 100,000 dead letters",
    .enabled(if: ToolBroker.isThere && ProcessInfo.processInfo.environment["RABBITMQ_SOAK"] != nil),
    .disabled(if: ToolProcess.isSkipped, ToolProcess.reason),
    .timeLimit(.minutes(10))
)
struct RabbitRedriveSoakTests {
    private static let count = 100_000

    @Test func twiceAndKilledOnTheWayEndsAsOnce() async throws {
        try await ToolBroker.withSubscription { bus, subscription, topic in
            try await DeadLetters.bury(Self.count, of: subscription, topic: topic, on: bus)
            let name = "\(subscription.name)"
            let clock = ContinuousClock()
            let began = clock.now
            let killed = try ToolProcess(["dead-letters", "redrive", name])
            try await eventually(within: .seconds(60), "progress in the middle") {
                killed.err.split(separator: "\n").contains { line in
                    (Int(line.dropFirst("looked at ".count).prefix { $0.isNumber }) ?? 0) > Self.count / 5
                }
            }
            killed.signal(SIGKILL)
            #expect(try await killed.exitStatus() == 128 + SIGKILL)
            let first = try await ToolProcess.run("dead-letters", "redrive", name, within: .seconds(120))
            #expect(first.status == 0)
            #expect(first.err.contains("looked at"))
            let second = try await ToolProcess.run("dead-letters", "redrive", name, within: .seconds(120))
            #expect(second.out == "0 redriven, 0 kept\n")
            let took = clock.now - began
            print("two redrives of \(Self.count), the first one killed: \(took); \(killed.err)\(first.err)")
            #expect(took < .seconds(60))
            #expect(try await bus.deadLetters(of: subscription.name).isEmpty)
            let ids = try await ToolBroker.drain(subscription, on: bus).compactMap(Int.init)
            #expect(Set(ids) == Set(1...Self.count))
            // With the process its acknowledgements may be lost that RabbitMQ has not read: of up to 16 batches.
            #expect(ids.count <= Self.count + 16 * 500)
            print("\(ids.count - Self.count) were delivered twice")
        }
    }
}
