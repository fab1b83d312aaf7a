// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DifferentialTesting
import Synchronization

/// Hands out seeds and counts the results.
final class Tally: Sendable {
    private struct State: Sendable {
        var handedOut = 0
        var done = 0
        var repeats = 0
        var divergences: [Differential.Divergence] = []
        var isStopped = false
    }

    private let arguments: Arguments
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(_ arguments: Arguments) { self.arguments = arguments }

    /// The next seed to run; `nil` when there is none left.
    func nextSeed() -> UInt64? {
        self.state.withLock { state in
            guard state.handedOut < self.arguments.programs, !state.isStopped else { return nil }
            defer { state.handedOut += 1 }
            return self.arguments.firstSeed + UInt64(state.handedOut)
        }
    }

    func ended(_ divergence: Differential.Divergence?) {
        self.state.withLock { state in
            state.done += 1
            guard let divergence else { return }
            state.divergences.append(divergence)
            state.isStopped = self.arguments.stopsAtFirst
        }
    }

    func repeated() { self.state.withLock { $0.repeats += 1 } }

    /// Whether a divergence has ended the run.
    var isStopped: Bool { self.state.withLock { $0.isStopped } }

    var divergences: [Differential.Divergence] { self.state.withLock { $0.divergences } }

    var summary: String {
        let (done, divergences) = self.state.withLock { ($0.done, $0.divergences.count) }
        return "\(done) programs, \(divergences) divergences"
    }

    var progress: String {
        let repeats = self.state.withLock { $0.repeats }
        let seconds = self.start.duration(to: .now).components.seconds
        return "\(self.summary) of \(self.arguments.programs) programs after \(seconds) s"
            + (repeats > 0 ? " (\(repeats) were too slow and ran again)" : "")
    }
}
