// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Testing

@testable import EventBusPostgres

/// What an operator sees of an outbox.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(1)))
struct OutboxInspectorTests {
    /// A bus on which nobody subscribes to one topic.
    private struct HalfDeafBus: TakingBus {
        func publish(_ messages: [Message]) async -> [PublishOutcome] {
            messages.map { $0.topic == Greeted.topic ? .unroutable : .confirmed }
        }
    }

    @Test func anOutboxIsReportedWithoutAnOwnerAndWithOne() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { store in
                try await store.transaction { transaction in
                    for number in 1...2 { try transaction.publish(Greeted(number: number, key: "ada")) }
                }
                let configuration = try Database.configuration()
                try await OutboxInspector.withSession(configuration) { inspector in
                    #expect(try await inspector.schemas().contains(schema.name))
                    let report = try await inspector.report(of: schema.name)
                    #expect((report.events, report.waiting) == (2, 0))
                    #expect(report.oldest != nil)
                    #expect(report.owner == nil)
                    // A relay writes this only when it has no room in memory.
                    try await Database.execute(
                        "UPDATE \(schema.name).eventbus_outbox SET waits_for = 'topic test.greeted'"
                    )
                    let held = try await inspector.report(of: schema.name)
                    #expect((held.events, held.waiting) == (2, 2))
                    #expect(held.waits.map(\.cause) == [.subscriber(topic: "test.greeted")])
                    #expect(held.waits.first?.keys == ["ada"])
                    let events = try await inspector.events(
                        of: schema.name,
                        topic: "test.greeted",
                        isWaiting: true,
                        limit: 10
                    )
                    #expect(events.map(\.key) == ["ada", "ada"])
                    #expect(events.allSatisfy { $0.bytes > 2 && $0.cause != nil })
                    let relay = OutboxRelay(from: store, to: HalfDeafBus())
                    let running = Task { try await relay.run() }
                    defer { running.cancel() }
                    let owner = try await eventually(within: .seconds(20), "an owner") {
                        try await inspector.report(of: schema.name).owner
                    }
                    #expect(owner.process > 0)
                }
            }
        }
    }

    @Test func aSchemaWithoutAnOutboxIsAnError() async throws {
        let error = await #expect(throws: RepositoryError.self) {
            try await OutboxInspector.withSession(try Database.configuration()) { try await $0.report(of: "nobody") }
        }
        #expect(error?.message.contains("nobody") == true)
    }

    @Test func theSessionCannotWrite() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore { _ in }
            let error = await #expect(throws: RepositoryError.self) {
                _ = try await OutboxInspector.withSession(try Database.configuration()) { inspector in
                    try await inspector.rows("DELETE FROM \(schema.name).eventbus_outbox")
                }
            }
            #expect(error?.message.contains("25006") == true)
        }
    }
}
