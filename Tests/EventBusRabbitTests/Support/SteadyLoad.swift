// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Foundation
import Logging
import ServiceLifecycle
import Testing

@testable import EventBusRabbit

/// Events that are committed one after the other, published by a relay and handled with a store, and the record of all that.
final class SteadyLoad: Sendable {
    /// What has become of the events.
    struct Report: CustomStringConvertible {
        let events: Int
        let violations: [Violation]
        /// How often the event that was started most often was started.
        let mostStarts: Int

        var description: String { "\(self.events) events, at most \(self.mostStarts) starts, \(self.violations)" }

        /// Judges the fault that the load has survived.
        func judge(_ fault: String, after pause: Duration, limit: Double) {
            print(self)
            #expect(self.violations.isEmpty)
            EventBusRabbitTests.report(
                fault: fault,
                lost: self.violations.count { $0.rule == "lost" },
                starts: (self.mostStarts, SteadyLoad.attempts),
                seconds: pause / .seconds(1),
                limit: limit
            )
        }
    }

    private struct Observer: InMemoryStoreObserver {
        let history: History

        func willMark(_ events: [EventIdentity], by consumer: SubscriptionName) {}

        func willHandle(_ events: [EventIdentity], of count: Int, by consumer: SubscriptionName) {
            for event in events { self.history.record(.started(consumer, event), at: "consumer") }
        }

        func willWait(_ giveUp: @escaping @Sendable () -> Void) {}

        func didClaim(_ event: EventIdentity, by consumer: SubscriptionName) {}

        func didCommit(published: [Message], handled: [(consumer: SubscriptionName, event: EventIdentity)]) {
            for (consumer, event) in handled { self.history.record(.handled(consumer, event), at: "store") }
            for message in published {
                self.history.record(.committed(message.identity, message.topic, key: message.orderingKey), at: "store")
            }
        }
    }

    static let attempts = RetryPolicy.standard.attempts

    let history: History
    let bus: RabbitEventBus
    let consumer: EventConsumer
    let relay: OutboxRelay
    private let topic: Topic
    private let store: InMemoryStore
    private let start: ContinuousClock.Instant
    private let subscription: SubscriptionName
    let ordering: Ordering

    private init(_ configuration: RabbitConfiguration, _ ordering: Ordering, shards: Int) throws {
        self.ordering = ordering
        let start = ContinuousClock.now
        self.start = start
        self.history = History { start.duration(to: .now) }
        self.store = InMemoryStore(observer: Observer(history: self.history))
        let word = "load-\(Stamp.next().id)"
        self.topic = try Topic("\(word).event")
        self.subscription = try SubscriptionName("\(word).main")
        let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        self.bus = RabbitEventBus(configuration, logger: silent)
        self.relay = OutboxRelay(from: self.store, to: self.bus, logger: silent)
        let topic = self.topic
        let options = ConsumerOptions(ordering: ordering, shards: shards)
        self.consumer = EventConsumer(
            self.subscription,
            on: self.bus,
            store: self.store,
            options: options,
            logger: silent
        ) {
            // Long enough that some are always being handled.
            On<Transaction>(topic: topic) { _, _ in try await Task.sleep(for: .milliseconds(10)) }
        }
    }

    /// Commits about 40 events per second while `body` disturbs them, waits until all of them are handled, and judges.
    ///
    /// - Parameters:
    ///   - ordering: whether they are handled in order, for each of eight keys.
    ///   - patience: how long the remaining events may take after that.
    static func judged(
        on configuration: RabbitConfiguration,
        ordering: Ordering = .none,
        shards: Int = 1,
        patience: Duration = .seconds(60),
        _ body: (SteadyLoad) async throws -> Void
    ) async throws -> Report {
        let load = try SteadyLoad(configuration, ordering, shards: shards)
        try await withThrowingTaskGroup(of: Void.self) { services in
            for service in [load.bus, load.consumer, load.relay] as [any Service] {
                services.addTask {
                    do { try await service.run() } catch is CancellationError {}
                }
            }
            try await load.consumer.untilConsuming()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await load.commit() }
                try await load.untilHandled(after: load.now)
                try await body(load)
                group.cancelAll()
            }
            try await eventually(within: patience, "all events to be handled") { load.waiting.isEmpty }
            services.cancelAll()
        }
        return load.report
    }

    /// The time since the beginning.
    var now: Duration { self.start.duration(to: .now) }

    /// Waits until an event has been handled that was committed after a moment.
    func untilHandled(after moment: Duration, within limit: Duration = .seconds(120)) async throws {
        try await eventually(within: limit, "an event to be handled that was committed after \(moment)") {
            var fresh: Set<EventIdentity> = []
            for record in self.history.records where record.time > moment {
                switch record.what {
                case .committed(let event, _, _): fresh.insert(event)
                case .handled(_, let event) where fresh.contains(event): return true
                default: break
                }
            }
            return false
        }
    }

    /// The longest time without a handled event since a moment.
    func longestPause(since moment: Duration) -> Duration {
        var (longest, last) = (Duration.zero, moment)
        for time in self.handled where time > moment {
            longest = max(longest, time - last)
            last = time
        }
        return max(longest, self.now - last)
    }

    /// How many events the broker has confirmed, so that they have left the outbox.
    var confirmed: Int {
        // Events are committed meanwhile.
        while true {
            let (before, rows, after) = (self.committed, self.store.outboxReport().rows, self.committed)
            if before == after { return after - rows }
        }
    }

    private var committed: Int {
        self.history.records.count { if case .committed = $0.what { true } else { false } }
    }

    /// When events were handled.
    var handled: [Duration] {
        self.history.records.compactMap { record in
            if case .handled = record.what { record.time } else { nil }
        }
    }

    /// Commits one event after the other; each key has many.
    private func commit() async throws {
        var number = 0
        while !Task.isCancelled {
            number += 1
            let message = Message(
                id: Stamp.next().id.description,
                topic: self.topic,
                time: Stamp.next().time,
                orderingKey: "key-\(number % 8)",
                body: Array("{}".utf8)
            )
            try await self.store.transaction { transaction in try transaction.context.publish(message) }
            try? await Task.sleep(for: .milliseconds(25))
        }
    }

    private var waiting: Set<EventIdentity> {
        var waiting: Set<EventIdentity> = []
        for record in self.history.records {
            switch record.what {
            case .committed(let event, _, _): waiting.insert(event)
            case .handled(_, let event): waiting.remove(event)
            default: break
            }
        }
        return waiting
    }

    private var report: Report {
        var starts: [EventIdentity: Int] = [:]
        var events = 0
        for record in self.history.records {
            switch record.what {
            case .committed: events += 1
            case .started(_, let event): starts[event, default: 0] += 1
            default: break
            }
        }
        let checker = HistoryChecker([
            .init(self.subscription, topics: [self.topic], ordering: self.ordering, attempts: SteadyLoad.attempts)
        ])
        return Report(
            events: events,
            violations: checker.violations(in: self.history),
            mostStarts: starts.values.max() ?? 0
        )
    }
}
