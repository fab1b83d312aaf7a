// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// Notices work that stands still while the process that should do it says that it is well.
///
/// It costs nothing while work moves. Of work that does not, the health is asked three times before the limit has passed, since some
/// parts notice only from one question to the next that nothing has happened.
final class Stalls: Sendable {
    /// Something that a process has to do; a class, since it is looked at much more often than it is made.
    final class Work: Sendable {
        /// Runs the questions.
        let executor: ProcessExecutor
        /// Whether the process has died; a dead or frozen one does not answer.
        let isDead: @Sendable () -> Bool
        /// Several processes can wait for work of one name.
        let name: String?
        /// Whether there is anything to do.
        let isThere: @Sendable () -> Bool
        /// Whether the process says that something is wrong; `nil` if it says nothing about this work.
        let hasProblem: @Sendable () async -> Bool?
        /// What to report.
        let violation: @Sendable () -> Violation

        init(
            executor: ProcessExecutor,
            isDead: @escaping @Sendable () -> Bool,
            name: String?,
            isThere: @escaping @Sendable () -> Bool,
            hasProblem: @escaping @Sendable () async -> Bool?,
            violation: @escaping @Sendable () -> Violation
        ) {
            self.executor = executor
            self.isDead = isDead
            self.name = name
            self.isThere = isThere
            self.hasProblem = hasProblem
            self.violation = violation
        }
    }

    private struct Watch: Sendable {
        let work: Work
        var lastMove: Duration
        /// How often the health has been asked since then.
        var questions = 0
        /// The last answer.
        var hasProblem: Bool?
        var isReported = false

        mutating func moved(_ now: Duration) {
            self.lastMove = now
            self.questions = 0
            self.hasProblem = nil
        }

        /// When to ask next, or to decide.
        func due(_ pauses: [Duration]) -> Duration { self.lastMove + pauses[self.questions] }
    }

    private struct State: Sendable {
        var limit = Duration.seconds(600) {
            didSet { self.pauses = Stalls.pauses(within: self.limit) }
        }
        /// How long after the last move to ask, one after the other, and at last to decide.
        private(set) var pauses = Stalls.pauses(within: .seconds(600))
        var watches: [Int: Watch] = [:]
        var last = 0
        /// Nothing is due before.
        var nextLook = Duration.zero
    }

    private static let questions = 3

    private static func pauses(within limit: Duration) -> [Duration] {
        (1...Self.questions + 1).map { limit * $0 / (Self.questions + 1) }
    }

    private let state = Mutex(State())
    private let clock: VirtualClock

    init(clock: VirtualClock) {
        self.clock = clock
    }

    var limit: Duration {
        get { self.state.withLock { $0.limit } }
        set {
            self.state.withLock { state in
                state.limit = newValue
                state.nextLook = .zero
            }
        }
    }

    /// Watches work until ``ended(_:)``.
    func began(_ work: Work) -> Int {
        let now = self.clock.now.offset
        return self.state.withLock { state in
            state.last += 1
            state.watches[state.last] = Watch(work: work, lastMove: now)
            return state.last
        }
    }

    func moved(_ id: Int) {
        let now = self.clock.now.offset
        self.state.withLock { $0.watches[id]?.moved(now) }
    }

    /// All work of a name has moved.
    func moved(_ name: String) {
        let now = self.clock.now.offset
        self.state.withLock { state in
            for (id, watch) in state.watches where watch.work.name == name { state.watches[id]?.moved(now) }
        }
    }

    func ended(_ id: Int) {
        self.state.withLock { _ = $0.watches.removeValue(forKey: id) }
    }

    /// When something is to be asked or decided, if that is before a time.
    func due(before time: Duration) -> Duration? {
        self.state.withLock { state in
            guard time > state.nextLook else { return nil }
            let pauses = state.pauses
            // What is added or has moved until then is due later.
            state.nextLook =
                state.watches.values.lazy.map { $0.due(pauses) }.min()
                ?? self.clock.now.offset + pauses[0]
            return time > state.nextLook ? state.nextLook : nil
        }
    }

    /// Asks and decides what is due.
    ///
    /// - Parameter ask: runs a question as a part of the process.
    /// - Returns: what has stood still for too long without a word.
    func look(at time: Duration, _ ask: (ProcessExecutor, @escaping @Sendable () async -> Void) -> Void) -> [Violation]
    {
        let due = self.state.withLock { state in
            let pauses = state.pauses
            return state.watches.lazy.filter { $0.value.due(pauses) <= time }.sorted { $0.key < $1.key }
        }
        return due.compactMap { id, watch in
            guard watch.work.isThere(), !watch.isReported else {
                self.moved(id)
                return nil
            }
            guard watch.questions == Stalls.questions else {
                self.ask(id, watch, ask)
                return nil
            }
            self.moved(id)
            // A process that is dead or frozen does not answer: whoever asks it notices.
            guard watch.hasProblem == false, !watch.work.isDead(), !watch.work.executor.isFrozen else {
                return nil
            }
            self.state.withLock { $0.watches[id]?.isReported = true }
            return watch.work.violation()
        }
    }

    private func ask(
        _ id: Int,
        _ watch: Watch,
        _ ask: (ProcessExecutor, @escaping @Sendable () async -> Void) -> Void
    ) {
        self.state.withLock { state in
            state.watches[id]?.questions += 1
            state.watches[id]?.hasProblem = nil
        }
        ask(watch.work.executor) {
            let answer = await watch.work.hasProblem()
            self.state.withLock { state in
                guard state.watches[id]?.lastMove == watch.lastMove else { return }
                state.watches[id]?.hasProblem = answer
            }
        }
    }
}
