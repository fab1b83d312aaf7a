// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import ServiceLifecycle
import Synchronization
import Testing

@Suite("Frozen processes")
struct FreezingTests {
    private typealias Greeted = SimulationTests.Greeted

    /// Who handled something, and when.
    final class Log: Sendable {
        private let state = Mutex<[String]>([])
        var lines: [String] { self.state.withLock { $0 } }
        func add(_ line: String) { self.state.withLock { $0.append(line) } }
    }

    @Test("A frozen process does nothing, keeps its deliveries, and goes on after its thaw")
    func goesOn() throws {
        try Simulation.run { simulation in
            let log = Log()
            let service = simulation.start("greeter", instances: 2) { process in
                SimulationTests.greeter(process) { event, _ in
                    log.add("\(event.name) begins at \(process.clock.now.offset)")
                    try await process.clock.sleep(for: .seconds(1))
                    log.add("\(event.name) ends at \(process.clock.now.offset)")
                }
            }
            try await simulation.settle()
            try await simulation.bus.publish(Greeted(name: "ada"))
            await simulation.idle()
            service.freeze(for: .seconds(100))
            try await simulation.bus.publish(Greeted(name: "bob"))
            await simulation.advance(by: .seconds(99))
            #expect(log.lines == ["ada begins at 0.0 seconds"])
            #expect(simulation.unfinished.map(\.state) == [.inFlight])
            try await simulation.finish()
            #expect(
                log.lines.sorted() == [
                    "ada begins at 0.0 seconds", "ada ends at 100.0 seconds",
                    "bob begins at 100.0 seconds", "bob ends at 101.0 seconds",
                ]
            )
        }
    }

    @Test("A process that is killed while it is frozen starts again")
    func dies() throws {
        try Simulation.run { simulation in
            let log = Log()
            let service = simulation.start("greeter") { process in
                SimulationTests.greeter(process) { event, _ in log.add("\(event.name) in life \(process.life)") }
            }
            try await simulation.settle()
            service.freeze(for: .seconds(1000))
            try await simulation.bus.publish(Greeted(name: "ada"))
            await service.kill()
            try await simulation.finish()
            #expect(log.lines == ["ada in life 2"])
            #expect(simulation.clock.now.offset < .seconds(3))
        }
    }

    @Test(
        "When the bus gives up, another process gets the deliveries: an effect without an inbox is found to be doubled"
    )
    func busGivesUp() throws {
        let violations = try Simulation.run { simulation in
            let starts = SimulationTests.Counter()
            simulation.start("greeter", instances: 2) { process in
                SimulationTests.greeter(process) { event, message in
                    if starts.next() == 1 { process.freeze(for: .seconds(100), busGivesUpAfter: .seconds(10)) }
                    try await process.clock.sleep(for: .seconds(1))
                    // The planted bug: nothing remembers that the effect has happened.
                    simulation.history.record(.handled("greeter", message.identity), at: process.name)
                }
            }
            try await simulation.settle()
            try await simulation.store("shop").transaction { try $0.publish(Greeted(name: "ada")) }
            simulation.start("shop") { process in
                [OutboxRelay(from: process.store("shop"), to: process.bus, clock: process.clock)]
            }
            try await simulation.finish()
            await simulation.advance(by: .seconds(100))
            return HistoryChecker([.init("greeter", topics: [Greeted.topic])]).violations(in: simulation.history)
        }
        #expect(violations.map(\.rule) == ["doubled"])
    }

    @Test("When the store gives up, another process owns the outbox, and what the frozen one had begun fails")
    func storeGivesUp() throws {
        try Simulation.run { simulation in
            let log = Log()
            let subscription = try Subscription("greeter", patterns: ["greeted"])
            try await simulation.bus.withDeliveries(to: subscription) { _ in }
            let owner = simulation.start("owner") { process in
                let store = process.store("shop")
                return [
                    OutboxRelay(from: store, to: process.bus, clock: process.clock),
                    SimulationTests.ClosureService {
                        do {
                            try await store.transaction { transaction in
                                try await process.clock.sleep(for: .seconds(1))
                                try transaction.publish(Greeted(name: "late"))
                            }
                        } catch { log.add("\((error as? RepositoryError)?.code.description ?? "?")") }
                        try await process.clock.sleep(for: .seconds(1_000_000))
                    },
                ]
            }
            await simulation.idle()
            simulation.start("standby") { process in
                [OutboxRelay(from: process.store("shop"), to: process.bus, clock: process.clock)]
            }
            await simulation.idle()
            owner.freeze(for: .seconds(100), storesGiveUpAfter: .seconds(5))
            try await simulation.store("shop").transaction { try $0.publish(Greeted(name: "ada")) }
            await simulation.advance(by: .seconds(4))
            #expect(simulation.unfinished.map(\.state) == [.outbox])
            await simulation.advance(by: .seconds(1))
            #expect(simulation.unfinished.map(\.state) == [.queued])
            await simulation.advance(by: .seconds(200))
            #expect(log.lines == ["unavailable"])
            #expect(simulation.unfinished.map(\.count) == [1])
        }
    }

    @Test("A handler that hangs ignores its time limit, but not the death of its process")
    func hangs() throws {
        try Simulation.run { simulation in
            let log = Log()
            let service = simulation.start("greeter") { process in
                SimulationTests.greeter(process, retry: .never) { _, _ in
                    await process.hang(for: .seconds(1000))
                    log.add("hung until \(process.clock.now.offset)")
                }
            }
            try await simulation.settle()
            try await simulation.bus.publish(Greeted(name: "ada"))
            await simulation.advance(by: .seconds(999))
            #expect(log.lines == [])
            await simulation.advance(by: .seconds(1))
            #expect(log.lines == ["hung until 1000.0 seconds"])
            try await simulation.bus.publish(Greeted(name: "bob"))
            await simulation.idle()
            await service.kill()
            #expect(log.lines.last == "hung until 1000.0 seconds" && log.lines.count == 2)
        }
    }
}
