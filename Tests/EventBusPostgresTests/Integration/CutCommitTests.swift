// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import TestProxy
import Testing

@testable import EventBusPostgres

/// Connections that are cut at an exact message: what was committed is there once, and the pool goes on.
@Suite(.enabled(if: Database.url != nil, "DATABASE_URL is not set"), .timeLimit(.minutes(2)))
struct CutCommitTests {
    enum Place: CaseIterable, Sendable {
        case commitDoesNotLeave, commitHasLeft, answerDoesNotArrive

        /// An implicit transaction is committed by its Sync, an explicit one by COMMIT, which is prepared when it is first used.
        func moment(reading: Bool) -> TCPProxy.Moment {
            switch self {
            case .commitDoesNotLeave:
                .before(.toServer) { reading ? $0.isPostgres("P", "COMMIT") : $0.isPostgres("S") }
            case .commitHasLeft: .after(.toServer) { $0.isPostgres("S") }
            case .answerDoesNotArrive:
                .before(.toClient) { reading ? $0.isPostgres("C", "COMMIT") : $0.isPostgres("Z") }
            }
        }
    }

    @Test(arguments: Place.allCases, [ProxyFault.cut, .reset])
    func aCommitThatIsCutHasEffectOnceOrNotAtAll(place: Place, fault: ProxyFault) async throws {
        for reading in [false, true] {
            // The Sync of the transaction's read comes before that of its commit.
            guard !(reading && place == .commitHasLeft) else { continue }
            try await TestSchema.with { schema in
                try await schema.withStore(behind: .postgres) { store, proxy in
                    let people = store.repository(for: Person.self)
                    let person = Person("a@example.org")
                    proxy.order(fault, place.moment(reading: reading))
                    let error = await failure {
                        try await store.transaction { transaction in
                            if reading { _ = try await people.find(person.id, in: transaction) }
                            try people.insert(person, in: transaction)
                            try transaction.publish(Greeted(number: 1))
                        }
                    }
                    #expect(proxy.fired == 1)
                    #expect(error?.code == .commitUnknown)
                    let expected = place == .commitDoesNotLeave ? 0 : 1
                    try await eventually(within: .seconds(5), "the server to be done") {
                        try await schema.count("people") == expected
                    }
                    #expect(try await schema.count("eventbus_outbox") == expected)
                    // The connection was replaced.
                    try await store.transaction { try people.insert(Person("b@example.org"), in: $0) }
                }
            }
        }
    }

    private struct Touched: Event {
        static let topic: Topic = "test.touched"
        let number: Int
    }

    @Test func everyEventTakesEffectOnceWhereverItsConnectionIsCut() async throws {
        try await TestSchema.with { schema in
            try await schema.withStore(behind: .postgres, connections: 2) { store, proxy in
                let people = store.repository(for: Person.self)
                let bus = InMemoryEventBus()
                let consumer = EventConsumer("test.cut", on: bus, store: store) {
                    On(Touched.self) { event, transaction in
                        try people.insert(Person("p\(event.number)@example.org"), in: transaction)
                        try transaction.publish(Greeted(number: event.number))
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try? await consumer.run() }
                    try await consumer.untilConsuming()
                    let moments: [TCPProxy.Moment] = [
                        .before(.toServer) { $0.isPostgres("B") }, .after(.toServer) { $0.isPostgres("B") },
                        .before(.toServer) { $0.isPostgres("S") }, .after(.toServer) { $0.isPostgres("S") },
                        .before(.toClient) { $0.isPostgres("C", "INSERT") },
                        .after(.toClient) { $0.isPostgres("C", "INSERT") },
                        .before(.toClient) { $0.isPostgres("C", "COMMIT") },
                        .before(.toClient) { $0.isPostgres("Z") }, .after(.toClient) { $0.isPostgres("Z") },
                    ]
                    for (number, moment) in moments.enumerated() {
                        proxy.order(number % 2 == 0 ? .cut : .reset, moment)
                        _ = await bus.publish([try Message(Touched(number: number))])
                        try await eventually(within: .seconds(15), "event \(number)") {
                            try await schema.count("people") == number + 1
                        }
                        proxy.heal()
                    }
                    #expect(proxy.fired >= moments.count - 1)
                    #expect(try await schema.count("people") == moments.count)
                    #expect(try await schema.count("eventbus_outbox") == moments.count)
                    #expect(try await schema.count("eventbus_handled") == moments.count)
                    #expect(try await bus.deadLetters(of: "test.cut").isEmpty)
                    group.cancelAll()
                }
            }
        }
    }
}
