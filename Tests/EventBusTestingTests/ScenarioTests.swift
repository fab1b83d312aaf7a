// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycle
import Synchronization
import Testing

/// Each scenario shows a bug that is planted here.
@Suite("Scenarios")
struct ScenarioTests {
    private typealias Greeted = SimulationTests.Greeted
    private typealias ClosureService = SimulationTests.ClosureService

    private static let name: SubscriptionName = "greeter"

    // MARK: Messages of other programs

    /// Handles messages with an inbox that knows them by a key.
    private static func violations<Key: Hashable & Sendable>(
        knownBy key: @escaping @Sendable (Message) -> Key
    ) throws -> Set<String> {
        try Simulation.run { simulation in
            let messages = ForeignProducer(seed: 7).messages(of: Greeted.topic, count: 40, at: Stamp.next().time) {
                Array(#"{"name":"\#($0)"}"#.utf8)
            }
            let known = Mutex<Set<Key>>([])
            simulation.start("greeter") { process in
                SimulationTests.greeter(process) { _, message in
                    guard known.withLock({ $0.insert(key(message)).inserted }) else { return }
                    simulation.history.record(.handled(Self.name, message.identity), at: process.name)
                }
            }
            try await simulation.settle()
            simulation.start("another program", publishing: messages)
            try await simulation.finish()
            let checker = HistoryChecker([.init(Self.name, topics: [Greeted.topic])])
            return Set(checker.violations(in: simulation.history).map(\.rule))
        }
    }

    @Test("A foreign producer shows an inbox that takes two events for one, or one for two")
    func foreignMessages() throws {
        #expect(try Self.violations { $0.identity } == [])
        #expect(try Self.violations { $0.id } == ["lost"])
        #expect(try Self.violations { "\($0.source) \($0.id)" } == ["lost"])
        let number = Mutex(0)
        #expect(
            try Self.violations { _ in
                number.withLock {
                    $0 += 1
                    return $0
                }
            } == ["doubled"]
        )
    }

    @Test("A seed determines the messages of a foreign producer, and all of them can be published")
    func foreignMessagesAreValid() throws {
        let time = Stamp.next().time
        func messages(_ seed: UInt64) -> [Message] {
            ForeignProducer(seed: seed).messages(of: "greeted", count: 60, at: time) { _ in [] }
        }
        #expect(messages(1) == messages(1))
        #expect(messages(1) != messages(2))
        for message in messages(1) { try message.validate() }
        #expect(Set(messages(1).map(\.identity)).count == 60)
        #expect(messages(1).contains { $0.id.utf8.contains(0) })
    }

    @Test("What came without an id is one event if topic and body are the same")
    func missingIDs() {
        func derived(_ topic: Topic, _ body: String) -> Set<String> {
            let messages = ForeignProducer(seed: 1).messages(of: topic, count: 32, at: Stamp.next().time) { _ in
                Array(body.utf8)
            }
            return Set(messages.map(\.id).filter { $0.hasPrefix("derived-") })
        }
        #expect(derived("greeted", "ada").count == 1)
        #expect(derived("greeted", "ada") == derived("greeted", "ada"))
        #expect(derived("greeted", "ada") != derived("greeted", "bob"))
        #expect(derived("greeted", "ada") != derived("met", "ada"))
    }

    // MARK: Rolling upgrades

    /// A program that knows some names and gives all others up at once, which is the planted bug, or puts them back.
    private static func program(
        knowing names: Set<String>,
        givesUp: Bool,
        in simulation: Simulation
    ) -> @Sendable (SimulatedProcess) -> [any Service] {
        { process in
            [
                ClosureService {
                    let subscription = try Subscription(Self.name, patterns: ["greeted"], prefetch: 1)
                    try await process.bus.withDeliveries(to: subscription) { deliveries in
                        try await withGracefulShutdownHandler {
                            while let next = try await deliveries.next() {
                                for delivery in next {
                                    let name = try delivery.message.decode(Greeted.self).name
                                    if names.contains(name) {
                                        let event = delivery.message.identity
                                        simulation.history.record(.handled(Self.name, event), at: process.name)
                                        deliveries.settle(delivery.id, .done)
                                    } else if givesUp {
                                        deliveries.settle(
                                            delivery.id,
                                            .deadLetter(reason: "unknown", Failures(count: 1))
                                        )
                                    } else {
                                        deliveries.settle(delivery.id, .retry(after: .seconds(1), Failures(count: 1)))
                                    }
                                }
                            }
                        } onGracefulShutdown: {
                            deliveries.stop()
                        }
                    }
                }
            ]
        }
    }

    @Test("A rolling upgrade shows a program that gives up what the next one knows", arguments: [true, false])
    func rollingUpgrade(_ givesUp: Bool) throws {
        let rules = try Simulation.run { simulation in
            let old = Self.program(knowing: ["old"], givesUp: givesUp, in: simulation)
            let new = Self.program(knowing: ["old", "new"], givesUp: givesUp, in: simulation)
            let service = simulation.start("greeter", instances: 3, old)
            simulation.start("shop") { process in
                let store = process.store("shop")
                return [
                    OutboxRelay(from: store, to: process.bus, clock: process.clock),
                    ClosureService {
                        for number in 0..<40 {
                            try await store.transaction {
                                try $0.publish(Greeted(name: number % 2 == 0 ? "old" : "new"))
                            }
                            try await process.clock.sleep(for: .seconds(1))
                        }
                        try await process.clock.sleep(for: .seconds(1_000_000))
                    },
                ]
            }
            for program in [new, old, new] {
                await simulation.advance(by: .seconds(5))
                await service.roll(pause: .seconds(2), to: program)
            }
            #expect(simulation.clock.now.offset < .seconds(45))
            try await simulation.finish()
            try await simulation.recordDeadLetters(of: Self.name)
            let checker = HistoryChecker([.init(Self.name, topics: [Greeted.topic], givesUp: false)])
            return Set(checker.violations(in: simulation.history).map(\.rule))
        }
        // Nothing here is recorded as started.
        #expect(rules == (givesUp ? ["given up", "attempts"] : []))
    }
}
