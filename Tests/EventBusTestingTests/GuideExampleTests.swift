// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycle
import Testing

// MODULE
struct OrderPlaced: Event {
    static let topic: Topic = "order.placed"
    let order: Int
}

struct Parcel: Entity {
    static let schema = EntitySchema<Parcel>(table: "parcels", columns: [.uuid("id"), .int("order")])
    let id: Identifier
    let order: Int64
}

/// Packs a parcel for each order.
struct Shipping: Sendable {
    let store: any Store

    func consumer(on bus: any EventBus, clock: any Clock<Duration>) -> EventConsumer {
        let parcels = self.store.repository(for: Parcel.self)
        let retry = RetryPolicy(attempts: 3)
        return EventConsumer("shipping", on: bus, store: self.store, options: .init(retry: retry), clock: clock) {
            On(OrderPlaced.self) { event, transaction in
                guard event.order > 0 else { throw UnknownOrder() }
                try parcels.insert(Parcel(id: Stamp.next().id, order: Int64(event.order)), in: transaction)
            }
        }
    }
}

struct UnknownOrder: Error {}
// MODULE

// TESTS
@Suite struct ShippingTests {
    /// The services of one process: what a `main.swift` would put into its service group.
    static let services: @Sendable (SimulatedProcess) -> [any Service] = { process in
        let store = process.store("shop")
        return [
            Shipping(store: store).consumer(on: process.bus, clock: process.clock),
            OutboxRelay(from: store, to: process.bus, clock: process.clock),
        ]
    }

    static func place(_ order: Int, in simulation: Simulation) async throws {
        try await simulation.store("shop").transaction { try $0.publish(OrderPlaced(order: order)) }
    }

    @Test func anOrderBecomesAParcel() throws {
        try Simulation.run { simulation in
            simulation.start("shop", Self.services)
            try await simulation.settle()
            try await Self.place(7, in: simulation)
            try await simulation.settle()
            #expect(try simulation.entities(of: Parcel.self, in: "shop").map(\.order) == [7])
        }
    }

    @Test func anUnknownOrderBecomesADeadLetter() throws {
        try Simulation.run { simulation in
            simulation.start("shop", Self.services)
            try await simulation.settle()
            try await Self.place(-1, in: simulation)
            try await simulation.settle()  // the first attempt has failed, the second is due in a second
            await simulation.advance(by: .seconds(1))
            await simulation.advance(by: .seconds(10))
            let letters = try await simulation.bus.deadLetters(of: "shipping")
            #expect(letters.map(\.failures.count) == [3])
            #expect(letters.first?.reason.contains("UnknownOrder") == true)
        }
    }

    @Test func aKilledProcessLosesNothing() throws {
        try Simulation.run { simulation in
            let shop = simulation.start("shop", Self.services)
            try await simulation.settle()
            try await Self.place(7, in: simulation)
            await shop.kill()  // whatever it is doing
            try await simulation.finish()
            #expect(try simulation.entities(of: Parcel.self, in: "shop").count == 1)
        }
    }

    @Test(arguments: Simulation.seeds(100))
    func nothingIsLostOrDoubledWhateverGoesWrong(_ seed: UInt64) {
        let promises = HistoryChecker([.init("shipping", topics: [OrderPlaced.topic], attempts: 3, hasEffects: true)])
        let run = Simulation.check(seed: seed, faults: .all) { simulation in
            // As in a deployment, the subscription exists before the first order.
            let subscription = try Subscription("shipping", patterns: [TopicPattern(OrderPlaced.topic)])
            try await simulation.bus.withDeliveries(to: subscription) { _ in }
            simulation.start("shop", instances: 2, Self.services)
            for order in [1, 2, -3, 4] {
                try await Self.place(order, in: simulation)
                await simulation.advance(by: .milliseconds(10))
            }
            try await simulation.finish()
            try await simulation.recordDeadLetters(of: "shipping")
            try Self.recordParcels(in: simulation)
            return promises.violations(in: simulation.history)
        }
        if let failure = run.failure { Issue.record(failure) }
    }

    /// Records which event each parcel in the store belongs to.
    static func recordParcels(in simulation: Simulation) throws {
        for parcel in try simulation.entities(of: Parcel.self, in: "shop") {
            let events = try simulation.committed(OrderPlaced.self).filter { $0.event.order == Int(parcel.order) }
            let none = EventIdentity(source: "no event", id: "")
            simulation.history.record(.effect("shipping", events.first?.identity ?? none), at: "shop")
        }
    }
}
// TESTS
