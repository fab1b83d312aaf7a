// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@Suite("Example of the documentation catalog")
struct CatalogExampleTests {
    @Test func anEventReachesItsHandler() async throws {
        let bus = InMemoryEventBus()
        let (mails, sent) = AsyncStream.makeStream(of: Int.self)
        @Sendable func sendMail(forOrder number: Int) async throws { sent.yield(number) }
        // CATALOG
        struct OrderPlaced: Event {
            static let topic: Topic = "order.placed"
            let number: Int
        }

        let mailer = EventConsumer("mailer.orders", on: bus) {
            On(OrderPlaced.self) { order in try await sendMail(forOrder: order.number) }
        }
        // CATALOG
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await mailer.run() }
            try await mailer.untilConsuming()
            try await bus.publish(OrderPlaced(number: 7))
            #expect(await mails.first { _ in true } == 7)
            group.cancelAll()
        }
    }
}
