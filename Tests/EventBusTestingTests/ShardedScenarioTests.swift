// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Synchronization
import Testing

@Suite("Scenarios of sharded subscriptions")
struct ShardedScenarioTests {
    private typealias Greeted = SimulationTests.Greeted

    /// Which event was handled by whom, in order.
    private struct Handled: Sendable {
        let number: Int
        let process: String
    }

    private static let faults = Faults(
        [.deathBefore, .deathAfter, .cut, .lostVerdict, .unavailable, .split, .shutdown],
        perThousandCalls: 10,
        maximum: 20
    )

    private static func message(_ number: Int) -> Message {
        Message(
            id: "\(number)",
            topic: Greeted.topic,
            source: "/scenario",
            time: Stamp.next().time,
            orderingKey: "key-\(number % 8)",
            body: Array(#"{"name":"\#(number)"}"#.utf8)
        )
    }

    @Test(
        "While instances die, are cut off and come back, nothing is lost and the events of a key stay in order",
        arguments: 1...20 as ClosedRange<UInt64>
    )
    func order(seed: UInt64) throws {
        let handled = try Simulation.run(seed: seed, faults: Self.faults) { simulation in
            let handled = Mutex<[Handled]>([])
            let options = ConsumerOptions(ordering: .perKey, shards: 4, prefetch: 16)
            simulation.start("greeter", instances: 3) { process in
                [
                    EventConsumer("greeter", on: process.bus, options: options, clock: process.clock) {
                        On(Greeted.self) { (greeted: Greeted, _: Message) in
                            try await process.clock.sleep(for: .milliseconds(100))
                            let number = Int(greeted.name) ?? 0
                            handled.withLock { $0.append(Handled(number: number, process: process.name)) }
                        }
                    }
                ]
            }
            let subscription = try Subscription(
                "greeter",
                patterns: [TopicPattern(Greeted.topic)],
                ordering: .perKey,
                shards: 4
            )
            try await simulation.bus.withDeliveries(to: subscription) { _ in }
            for round in 0..<30 {
                let outcomes = await simulation.bus.publish((0..<16).map { Self.message(16 * round + $0) })
                #expect(outcomes.allSatisfy { $0.isConfirmed })
                await simulation.advance(by: .seconds(1))
            }
            try await simulation.finish(within: .seconds(3600)) { true }
            return handled.withLock { $0 }
        }
        var known: Set<Int> = []
        let first = handled.map(\.number).filter { known.insert($0).inserted }
        for key in 0..<8 {
            #expect(first.filter { $0 % 8 == key } == Array(stride(from: key, to: 480, by: 8)))
        }
        #expect(Set(handled.map(\.process)).count > 1, "several instances work")
    }
}
