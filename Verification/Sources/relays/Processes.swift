// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Synchronization

/// Processes of this program, of which at least one runs at any time.
final class Processes: Sendable {
    /// How often something was done to them.
    struct Faults: Sendable {
        var kills = 0
        var stops = 0
    }

    private let arguments: [String]
    private let running: Mutex<[Process?]>

    init(_ count: Int, arguments: [String]) {
        self.arguments = arguments
        self.running = Mutex(Array(repeating: nil, count: count))
    }

    func startAll() throws {
        for index in 0..<self.running.withLock({ $0.count }) { try self.start(index) }
    }

    func killAll() {
        self.running.withLock { processes in
            for case let process? in processes where process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
    }

    private func start(_ index: Int) throws {
        let process = Process()
        process.executableURL = URL(filePath: CommandLine.arguments[0])
        process.arguments = self.arguments
        try process.run()
        self.running.withLock { $0[index] = process }
    }

    private func place(of process: Int32) -> Int? {
        self.running.withLock { $0.firstIndex { $0?.processIdentifier == process } }
    }

    private func signal(_ number: Int32, _ index: Int) {
        let process = self.running.withLock { $0[index] }
        if let process, process.isRunning { kill(process.processIdentifier, number) }
    }

    /// Kills a process and starts it again, or stops it for a while, at random, until `end`.
    ///
    /// All but one can be stopped at the same time, and the last one is killed at times.
    ///
    /// - Parameter owner: the process that has published last; every second fault is for it.
    func disturb(until end: ContinuousClock.Instant, owner: () -> Int32?) async throws -> Faults {
        var faults = Faults()
        var stopped: [Int: ContinuousClock.Instant] = [:]
        let count = self.running.withLock { $0.count }
        while ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(Int.random(in: 500...4000)))
            for (index, until) in stopped where until <= .now {
                self.signal(SIGCONT, index)
                stopped[index] = nil
            }
            var index = Int.random(in: 0..<count)
            if Bool.random(), let owner = owner(), let place = self.place(of: owner) { index = place }
            if Bool.random(), stopped[index] == nil, stopped.count < count - 1 {
                self.signal(SIGSTOP, index)
                stopped[index] = .now + .seconds(Int.random(in: 1...25))
                faults.stops += 1
            } else {
                self.signal(SIGKILL, index)
                stopped[index] = nil
                try self.start(index)
                faults.kills += 1
            }
        }
        for index in stopped.keys { self.signal(SIGCONT, index) }
        return faults
    }
}
