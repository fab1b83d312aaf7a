// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// Numbers the calls of a process over all its lives, and provides its random numbers.
final class CallCounter: Sendable {
    private struct State: Sendable {
        var count = 0
        var random: SeededRandom
    }

    let seed: UInt64
    private let state: Mutex<State>

    init(_ process: String, seed: UInt64) {
        var random = SeededRandom(seed: seed, process)
        self.seed = random.next()
        self.state = Mutex(State(random: random))
    }

    func next() -> Int {
        self.state.withLock { state in
            state.count += 1
            return state.count
        }
    }

    func below(_ bound: Int) -> Int { self.state.withLock { $0.random.below(bound) } }
}
