// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import Measuring
import Synchronization

/// Commits of one store and the relay of another one, which share nothing but the database, as in two processes.
struct WakingUp {
    private static let warmUp = 1

    let store: PostgresStore
    let other: PostgresStore

    /// From the return of a commit until the event has been published, at a fixed rate that no answer slows down.
    func latency(rate: Int, for seconds: Double) async throws -> Measurement {
        let bus = TimingBus()
        let relay = OutboxRelay(from: self.other, to: bus)
        return try await self.whileOtherRuns { [store] in
            try await withService({ try await relay.run() }) {
                let (skipped, count) = (rate * Self.warmUp, Int(Double(rate) * seconds))
                let begin = ContinuousClock.now
                let start = Measurement.Start()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<(skipped + count) {
                        try await ContinuousClock().sleep(until: begin + .seconds(1) * number / rate, tolerance: .zero)
                        group.addTask {
                            let message = try Message(AccountCreated(Account()))
                            try await store.transaction { try $0.context.publish(message) }
                            bus.committed(message)
                        }
                    }
                    try await group.waitForAll()
                }
                let samples = await bus.samples(skipped + count).dropFirst(skipped)
                return start.end(operations: samples.count, latencies: Measurement.Latencies(Array(samples)))
            }
        }
    }

    /// Transactions of this store while it owns the outbox itself, so that it wakes nobody, or while the other one owns it.
    func register(isSilent: Bool, tasks: Int, for seconds: Double) async throws -> Measurement {
        let result = Mutex<Measurement?>(nil)
        return try await self.whileOtherRuns { [store, other] in
            try await (isSilent ? store : other).outbox.withOwnership { _ in
                let thread = try WorkingThread("pool")
                let measured = try await Transactions(store, tasks: tasks, on: thread).register(for: seconds)
                result.withLock { $0 = measured }
            }
            guard let measurement = result.withLock({ $0 }) else { throw BenchmarkFailure("nothing was measured") }
            return measurement
        }
    }

    private func whileOtherRuns(
        _ body: @escaping @Sendable () async throws -> Measurement
    ) async throws -> Measurement {
        try await withService({ [other] in try await other.run() }) { [other] in
            while !other.health.isReady { try await Task.sleep(for: .milliseconds(5)) }
            return try await body()
        }
    }
}

/// A bus that confirms at once, and pairs the times at which events were committed and published.
private final class TimingBus: TakingBus {
    private struct State: Sendable {
        var committed: [String: ContinuousClock.Instant] = [:]
        var published: [String: ContinuousClock.Instant] = [:]
        var samples: [Duration] = []
    }

    private let state = Mutex(State())

    func committed(_ message: Message) {
        let now = ContinuousClock.now
        self.state.withLock { state in
            guard let published = state.published.removeValue(forKey: message.id) else {
                state.committed[message.id] = now
                return
            }
            // Published before the answer to the commit had arrived.
            state.samples.append(max(.zero, now.duration(to: published)))
        }
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        let now = ContinuousClock.now
        self.state.withLock { state in
            for message in messages {
                if let committed = state.committed.removeValue(forKey: message.id) {
                    state.samples.append(committed.duration(to: now))
                } else {
                    state.published[message.id] = now
                }
            }
        }
        return messages.map { _ in .confirmed }
    }

    func samples(_ count: Int) async -> [Duration] {
        while true {
            let samples = self.state.withLock { $0.samples }
            if samples.count >= count { return samples }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
