// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

/// Notices work that stands still while the process that should do it says that it is well.
///
/// It looks only when the time advances, and only at work that has not moved for longer than the limit.
final class Stalls: Sendable {
    /// Deliveries of one subscription to one process, or the outbox of a store.
    private struct Work: Sendable {
        let process: SimulatedProcess
        /// Several processes can wait for work of one name.
        let name: String?
        var lastMove: Duration
        var isReported = false
        /// Looks at the work: what stands still without a word, or `nil`.
        let look: @Sendable () -> Violation?
    }

    private struct State: Sendable {
        var limit = Duration.seconds(600)
        var works: [Int: Work] = [:]
        var last = 0
        /// No work can have stood still for too long before.
        var nextLook = Duration.zero
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
    func began(_ name: String? = nil, of process: SimulatedProcess, _ look: @escaping @Sendable () -> Violation?) -> Int
    {
        let now = self.clock.now.offset
        return self.state.withLock { state in
            state.last += 1
            state.works[state.last] = Work(process: process, name: name, lastMove: now, look: look)
            return state.last
        }
    }

    func moved(_ id: Int) {
        let now = self.clock.now.offset
        self.state.withLock { $0.works[id]?.lastMove = now }
    }

    /// All work of a name has moved.
    func moved(_ name: String) {
        let now = self.clock.now.offset
        self.state.withLock { state in
            for (id, work) in state.works where work.name == name { state.works[id]?.lastMove = now }
        }
    }

    func ended(_ id: Int) {
        self.state.withLock { _ = $0.works.removeValue(forKey: id) }
    }

    /// When work will have stood still for too long, if that is before a time.
    func due(before time: Duration) -> Duration? {
        self.state.withLock { state in
            guard time > state.nextLook else { return nil }
            state.nextLook = (state.works.values.map(\.lastMove).min() ?? time) + state.limit
            return time > state.nextLook ? state.nextLook : nil
        }
    }

    /// What has stood still for too long without a word.
    func violations(at time: Duration) -> [Violation] {
        let due = self.state.withLock { state -> [(key: Int, value: Work)] in
            let due = state.works.filter { $0.value.lastMove + state.limit <= time }.sorted { $0.key < $1.key }
            // It may stand still for as long again before it is looked at once more.
            for (id, _) in due { state.works[id]?.lastMove = time }
            return due.filter { !$0.value.isReported }
        }
        // A dead process does not answer, and neither does a frozen one: whoever asks will notice.
        return due.filter { !$0.value.process.isDead && !$0.value.process.isFrozen }.compactMap { id, work in
            guard let violation = work.look() else { return nil }
            self.state.withLock { $0.works[id]?.isReported = true }
            return violation
        }
    }
}

extension Simulation {
    /// How long work may stand still without a problem in the health of the process that should do it; 10 minutes at first.
    ///
    /// Work that is unsettled, or in an outbox with a relay, and does not move for longer is a ``Violation`` of the rule "stalled".
    public var stallLimit: Duration {
        get { self.world.stalls.limit }
        set { self.world.stalls.limit = newValue }
    }
}
