// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusPostgres
import Foundation

/// Relays in processes of their own, which are killed and stopped while this process writes.
struct Soak {
    var relays = 2
    var seconds = 300
    private let configuration: PostgresConfiguration

    private static let keys = 16
    /// Between two events of a key.
    private static let pause = Duration.milliseconds(50)

    init(_ configuration: PostgresConfiguration) { self.configuration = configuration }

    /// Returns the violations.
    func run() async throws -> [String] {
        let name = "soak_\(ProcessInfo.processInfo.processIdentifier)"
        let journal = FileManager.default.temporaryDirectory.appending(path: name).path
        let store = try PostgresStore(self.configuration, schema: name)
        let begin = JournalLine.now
        let processes = Processes(self.relays, arguments: ["relay", name, journal])
        let (committed, faults) = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            while !store.health.isReady { try await Task.sleep(for: .milliseconds(20)) }
            try processes.startAll()
            defer { processes.killAll() }
            let end = ContinuousClock.now + .seconds(self.seconds)
            async let writing = Self.write(to: store, until: end)
            async let breaking = processes.disturb(until: end) { JournalLine.all(of: journal).last??.process }
            let result = try await (writing, breaking)
            // What is left has as long as a silence may take.
            let patience = ContinuousClock.now + .seconds(Judgement.longestSilence)
            while try await store.outbox.oldest() != nil, ContinuousClock.now < patience {
                try await Task.sleep(for: .milliseconds(100))
            }
            group.cancelAll()
            return result
        }
        let lines = JournalLine.all(of: journal)
        let judgement = Judgement(lines.compactMap { $0 }, committed: committed, begin: begin)
        let unreadable = lines.contains { $0 == nil } ? ["a line of \(journal) cannot be read"] : []
        let events = committed.values.reduce(0, +)
        print(
            "\(self.relays) relays, \(self.seconds) s: \(faults.kills) kills, \(faults.stops) stops, \(events) events"
        )
        print(
            "\(judgement.copies) copies, \(judgement.owners) changes of the owner, longest silence \(judgement.silence) s"
        )
        if (judgement.problems + unreadable).isEmpty { try FileManager.default.removeItem(atPath: journal) }
        return judgement.problems + unreadable
    }

    /// Returns for each key the number of its last event.
    private static func write(
        to store: PostgresStore,
        until end: ContinuousClock.Instant
    ) async throws -> [String: Int] {
        var last: [String: Int] = [:]
        while ContinuousClock.now < end {
            for key in (0..<Self.keys).map({ "k\($0)" }) {
                let step = Step(key: key, number: last[key, default: 0] + 1)
                try await store.transaction { try $0.publish(step) }
                last[key] = step.number
            }
            try await Task.sleep(for: Self.pause)
        }
        return last
    }
}
