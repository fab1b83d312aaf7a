// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
public import EventBusTesting
import ServiceLifecycle

/// A consumer is upgraded, rolled back and upgraded again, one instance after the other, while events of both programs are
/// published all the time and everything may go wrong.
///
/// The old program knows `order.placed` in version 1. The new one also knows version 2 and `order.shipped`. Both share one
/// subscription, so each gets what only the other one knows.
public enum RollingUpgrade {
    /// Runs the upgrade with a seed and all faults.
    public static func run(seed: UInt64) -> SimulationRun {
        // The longest of 300 seeds takes 294,399.
        Simulation.check(seed: seed, steps: 2_000_000) { try await Self.run(in: $0) }
    }

    static let billing: SubscriptionName = "billing"

    /// Runs the upgrade until no work is left.
    ///
    /// - Returns: the promises that were broken. No event may become a dead letter: one of the programs can handle it, and ran
    ///   within the last day.
    public static func run(in simulation: Simulation) async throws -> [Violation] {
        var random = SeededRandom(seed: simulation.seed, "upgrade")
        let orders = Requests(Self.orders(&random))
        // Sometimes faster than they are handled, so that some wait in a process when it is upgraded.
        let pause = Duration.milliseconds(random.below(random.below(2) == 0 ? 60_000 : 2000))
        let subscription = try Subscription(Self.billing, patterns: [TopicPattern(Placed.topic)])
        try await simulation.bus.withDeliveries(to: subscription) { _ in }
        simulation.start("shop") { process in
            let store = process.store("shop")
            let desk = Desk(requests: orders, process: process, pause: pause) { order in
                try await store.transaction { try order.publish(in: $0) }
            }
            return [desk, OutboxRelay(from: store, to: process.bus, clock: process.clock)]
        }
        let consumers = simulation.start("billing", instances: 2 + random.below(2), Self.oldProgram)
        for program in [Self.newProgram, Self.oldProgram, Self.newProgram] {
            // Sometimes a rollback lasts for hours.
            let longest = random.below(4) == 0 ? 4 * 3600 * 1000 : 60_000
            await simulation.advance(by: .milliseconds(random.below(longest)))
            await consumers.roll(pause: .milliseconds(random.below(60_000)), to: program)
        }
        try await simulation.finish(within: .seconds(2 * 86400)) { orders.isDone }
        try await Self.recordResults(in: simulation)
        return Self.checker.violations(in: simulation.history)
    }

    // MARK: The programs

    private static let options = ConsumerOptions(
        prefetch: 16,
        concurrency: 2,
        retry: RetryPolicy(attempts: 8, factor: 2)
    )

    private static let oldProgram: @Sendable (SimulatedProcess) -> [any Service] = { process in
        let store = process.store("billing")
        let lines = store.repository(for: Line.self)
        return [
            EventConsumer(Self.billing, on: process.bus, store: store, options: Self.options, clock: process.clock) {
                Self.line(Placed.self, in: lines, process.clock)
            }
        ]
    }

    private static let newProgram: @Sendable (SimulatedProcess) -> [any Service] = { process in
        let store = process.store("billing")
        let lines = store.repository(for: Line.self)
        return [
            EventConsumer(Self.billing, on: process.bus, store: store, options: Self.options, clock: process.clock) {
                Self.line(PlacedInCurrency.self, in: lines, process.clock)
                Self.line(Shipped.self, in: lines, process.clock)
            }
        ]
    }

    private static func line<E: Event>(
        _ type: E.Type,
        in lines: any Repository<Line>,
        _ clock: VirtualClock
    ) -> On<Transaction> {
        On(E.self) { _, message, transaction in
            try await clock.sleep(for: .seconds(2))
            try lines.insert(Line(of: message.identity, by: Self.billing), in: transaction)
        }
    }

    // MARK: The events

    private struct Placed: Event {
        static let topic: Topic = "order.placed"
        let number: Int
    }

    private struct PlacedInCurrency: Event {
        static let topic: Topic = "order.placed"
        static let version = 2
        let number: Int
        let currency: String?
    }

    private struct Shipped: Event {
        static let topic: Topic = "order.shipped"
        let number: Int
    }

    private enum Order: Sendable {
        case placed(Placed)
        case placedInCurrency(PlacedInCurrency)
        case shipped(Shipped)

        func publish(in transaction: borrowing Transaction) throws {
            switch self {
            case .placed(let event): try transaction.publish(event)
            case .placedInCurrency(let event): try transaction.publish(event)
            case .shipped(let event): try transaction.publish(event)
            }
        }
    }

    private static func orders(_ random: inout SeededRandom) -> [Order] {
        (0..<20).map { number in
            switch random.below(3) {
            case 0: .placed(Placed(number: number))
            case 1: .placedInCurrency(PlacedInCurrency(number: number, currency: "EUR"))
            default: .shipped(Shipped(number: number))
            }
        }
    }

    // MARK: The judgement

    private static let checker = HistoryChecker([
        .init(
            Self.billing,
            topics: [Placed.topic, Shipped.topic],
            attempts: Self.options.retry.attempts,
            hasEffects: true,
            workers: 2,
            givesUp: false
        )
    ])

    private static func recordResults(in simulation: Simulation) async throws {
        for line in try simulation.entities(of: Line.self, in: "billing") {
            simulation.history.record(.effect(Self.billing, line.event), at: "billing")
        }
        try await simulation.recordDeadLetters(of: Self.billing)
    }
}
