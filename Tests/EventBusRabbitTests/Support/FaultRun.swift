// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Logging
import Synchronization
import TestProxy
import Testing

@testable import EventBusRabbit

/// An event of the tests in which something breaks while events are consumed.
struct Tick: Event {
    static let topic: Topic = "rabbit-faults.tick"
    let number: Int
    var padding = ""
}

struct TickFailure: Error {}

/// A consumer of ticks, and what its handlers have done.
final class FaultRun: Sendable {
    private struct State {
        var starts: [Int: Int] = [:]
        var ends: [(number: Int, at: ContinuousClock.Instant)] = []
    }

    let name: SubscriptionName
    /// The bus of the consumer.
    let bus: RabbitEventBus
    private let publisher: RabbitEventBus
    private let state = Mutex(State())

    private init(_ bus: RabbitEventBus, publisher: RabbitEventBus) throws {
        self.name = try SubscriptionName("f-\(Stamp.next().id).main")
        self.bus = bus
        self.publisher = publisher
    }

    /// Consumes ticks for the length of `body`.
    ///
    /// - Parameters:
    ///   - configuration: of the consumer's bus; the events are published by a bus of its own.
    ///   - handle: gets the number of the start, from 1 on.
    static func with(
        _ configuration: RabbitConfiguration? = nil,
        options: ConsumerOptions = ConsumerOptions(),
        handle: @escaping @Sendable (Tick, _ start: Int) async throws -> Void = { _, _ in },
        _ body: (FaultRun) async throws -> Void
    ) async throws {
        try await Broker.withBus { publisher in
            try await Broker.withBus(configuration) { bus in
                let run = try FaultRun(bus, publisher: publisher)
                let consumer = EventConsumer(
                    run.name,
                    on: bus,
                    options: options,
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                ) {
                    On(Tick.self) { tick in
                        let start = run.state.withLock { state in
                            state.starts[tick.number, default: 0] += 1
                            return state.starts[tick.number, default: 0]
                        }
                        try await handle(tick, start)
                        run.state.withLock { $0.ends.append((tick.number, .now)) }
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        do { try await consumer.run() } catch is CancellationError {}
                    }
                    try await consumer.untilConsuming()
                    let result = await Result { try await body(run) }
                    group.cancelAll()
                    try await group.waitForAll()
                    // Not removed: after a restart of RabbitMQ 3.10 that can end the process that serves all retry queues.
                    try? await publisher.unbind([TopicPattern(Tick.topic)], from: run.name)
                    try result.get()
                }
            }
        }
    }

    /// How often each tick was started.
    var starts: [Int: Int] { self.state.withLock { $0.starts } }

    /// The ticks that were handled.
    var handled: Set<Int> { self.state.withLock { Set($0.ends.map(\.number)) } }

    /// How many were handled, repetitions included.
    var count: Int { self.state.withLock { $0.ends.count } }

    /// Publishes ticks once each; all have to be confirmed.
    func publish(_ numbers: Range<Int>, padding: Int = 0) async throws {
        let padding = String(repeating: "x", count: padding)
        for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 500) {
            let chunk = start..<min(start + 500, numbers.upperBound)
            let messages = try chunk.map { try Message(Tick(number: $0, padding: padding)) }
            #expect(await self.publisher.publish(messages).allSatisfy(\.isConfirmed))
        }
    }

    /// Waits until all these ticks are handled.
    func untilHandled(_ numbers: Range<Int>, within limit: Duration = .seconds(60)) async throws {
        try await eventually(within: limit, "all of \(numbers), of which \(self.handled.count) are handled") {
            self.count >= numbers.count && self.handled.isSuperset(of: numbers)
        }
    }

    /// The longest time without a handled tick between an instant and the last one.
    func longestGap(from start: ContinuousClock.Instant) -> Duration {
        let times = [start] + self.state.withLock { $0.ends.map(\.at) }.filter { $0 > start }
        return zip(times, times.dropFirst()).map { $0.duration(to: $1) }.max() ?? .zero
    }

    /// How long after an instant the first tick was handled.
    func pause(after start: ContinuousClock.Instant) -> Duration? {
        self.state.withLock { $0.ends.first { $0.at > start }?.at }.map { start.duration(to: $0) }
    }

    /// Judges a fault: all these ticks are handled or dead letters, none is started too often, and events soon flow again.
    func judge(_ fault: String, _ numbers: Range<Int>, starts allowed: Int, after pause: Duration?) async throws {
        let known = self.handled.union(try await self.dead())
        report(
            fault: fault,
            lost: numbers.filter { !known.contains($0) }.count,
            starts: (self.starts.values.max() ?? 0, allowed),
            seconds: try #require(pause) / .seconds(1)
        )
    }

    /// The numbers of the ticks among the dead letters.
    func dead() async throws -> [Int] {
        try await self.publisher.deadLetters(of: self.name, limit: 1000).map { letter in
            try letter.message.decode(Tick.self).number
        }
    }
}

extension Broker {
    /// The broker's address with a proxy's port.
    static func configuration(through proxy: TCPProxy) throws -> RabbitConfiguration {
        let url = try #require(Broker.url)
        let port = try Broker.configuration().hosts[0].port
        return try Broker.configuration(url: url.replacing(":\(port)", with: ":\(proxy.port)"))
    }
}
