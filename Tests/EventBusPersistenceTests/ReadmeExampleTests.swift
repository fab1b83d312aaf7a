// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

/// Compiles and runs the example in README.md, which is between the `README` marks; `scripts/check-readme` compares
/// both.
@Suite struct ReadmeExampleTests {
    @Test func anEventHasOneEffectHoweverOftenItArrives() async throws {
        let bus = InMemoryEventBus()
        // README
        let store = InMemoryStore()  // or PostgresStore
        let invoices = store.repository(for: Invoice.self)
        let billing = EventConsumer("billing.invoices", on: bus, store: store) {
            On(OrderPlaced.self) { order, transaction in
                let invoice = Invoice(id: Stamp.next().id, order: order.number)
                try invoices.insert(invoice, in: transaction)
                try transaction.publish(InvoiceWritten(invoice: invoice.id))
            }
        }
        let relay = OutboxRelay(from: store, to: bus)  // brings what was committed to the bus
        // README
        let (numbers, written) = AsyncStream.makeStream(of: Identifier.self)
        let archive = EventConsumer("archive.invoices", on: bus) {
            On(InvoiceWritten.self) { event in written.yield(event.invoice) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await billing.run() }
            group.addTask { try await archive.run() }
            group.addTask { try await relay.run() }
            try await billing.untilConsuming()
            try await archive.untilConsuming()
            let message = try Message(OrderPlaced(number: 7))
            let next = try Message(OrderPlaced(number: 8))
            for outcome in await bus.publish([message, message, next]) { #expect(outcome.isConfirmed) }
            var orders: [Int] = []
            for await id in numbers.prefix(2) { orders.append(try #require(try await invoices.find(id)).order) }
            #expect(orders.sorted() == [7, 8])
            group.cancelAll()
        }
    }
}

private struct OrderPlaced: Event {
    static let topic: Topic = "order.placed"
    let number: Int
}

private struct InvoiceWritten: Event {
    static let topic: Topic = "invoice.written"
    let invoice: Identifier
}

private struct Invoice: Entity {
    static let schema = EntitySchema<Invoice>(table: "invoices", columns: [.uuid("id"), .int("order")])
    let id: Identifier
    let order: Int
}
