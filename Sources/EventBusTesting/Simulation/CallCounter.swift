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
    /// The steps until a fault hits between two of them.
    private let stepsLeft: Atomic<Int>
    private let pauses: Mutex<Pauses>

    private struct Pauses: Sendable {
        var random: SeededRandom
        /// The steps between two such faults on average; 0 if there are none.
        let mean: Int
        var steps = 0

        mutating func next() -> Int {
            guard self.mean > 0 else { return .max }
            let pause = 1 + self.random.below(2 * self.mean)
            self.steps += pause
            return pause
        }
    }

    /// - Parameter stepsBetweenFaults: on average; 0 if no fault hits between steps.
    init(_ process: String, seed: UInt64, stepsBetweenFaults: Int = 0) {
        var random = SeededRandom(seed: seed, process)
        self.seed = random.next()
        self.state = Mutex(State(random: random))
        var pauses = Pauses(random: SeededRandom(seed: seed, "\(process), steps"), mean: stepsBetweenFaults)
        self.stepsLeft = Atomic(pauses.next())
        self.pauses = Mutex(pauses)
    }

    /// Counts a step of the process; returns whether a fault may hit before it.
    func step() -> Bool {
        self.stepsLeft.wrappingSubtract(1, ordering: .relaxed).newValue == 0
    }

    /// The number of the step that ``step()`` has stopped at.
    func faultyStep() -> Int {
        self.pauses.withLock { pauses in
            let step = pauses.steps
            self.stepsLeft.store(pauses.next(), ordering: .relaxed)
            return step
        }
    }

    func next() -> Int {
        self.state.withLock { state in
            state.count += 1
            return state.count
        }
    }

    func below(_ bound: Int) -> Int { self.state.withLock { $0.random.below(bound) } }
}
