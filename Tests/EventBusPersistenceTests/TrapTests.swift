// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Testing

@Suite struct TrapTests {
    private struct Misnamed: Entity {
        static let schema = EntitySchema<Misnamed>(table: "orders", columns: [.int("id"), .timestamp("placedAt")])
        let id: Int64
    }

    private func expect(_ text: String, in output: [UInt8]?, _ location: SourceLocation = #_sourceLocation) {
        #expect(String(decoding: output ?? [], as: UTF8.self).contains(text), sourceLocation: location)
    }

    @Test func aNameThatIsNoSQLIdentifierTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Misnamed.schema
        }
        self.expect("column \"placedAt\": upper case is not allowed", in: result?.standardErrorContent)
    }

    @Test func aRelayWithoutABatchTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = OutboxRelay(from: InMemoryStore(), to: InMemoryEventBus(), batch: 0)
        }
        self.expect("batch is 0, must be at least 1", in: result?.standardErrorContent)
    }

    @Test func aSecondRunOfARelayTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let relay = OutboxRelay(from: InMemoryStore(), to: InMemoryEventBus())
            async let first: Void = relay.run()
            async let second: Void = relay.run()
            _ = try await (first, second)
        }
        self.expect("this outbox relay runs already or has run; create another one", in: result?.standardErrorContent)
    }
}
