// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
@_spi(Verification) import EventBusTesting
import Synchronization

/// The in-process bus as the other side of the comparison, on virtual time.
struct Model: DifferentialHarness {
    let bus: any EventBus
    let clock: any Clock<Duration>
    let subscriptions: [SubscriptionName] = ["s1", "s2", "s3"]
    private let virtualClock: VirtualClock

    /// Creates an empty bus that makes the choices of `guide`.
    init(on run: DeterministicRun, _ guide: Guide? = nil) {
        self.virtualClock = run.clock
        self.clock = run.clock
        if let guide {
            self.bus = run.bus { guide.choose(among: $0, for: $1) }
        } else {
            self.bus = run.bus()
        }
    }

    func pass(_ duration: Duration) async throws { self.virtualClock.advance(by: duration) }
}

/// Lets the in-process bus choose among competing consumers as another bus has chosen.
final class Guide: Sendable {
    private struct State: Sendable {
        var slots: [Int: Int] = [:]
        var holders: [Int: [String: Int]] = [:]
    }

    private let trace: Trace
    private let state = Mutex(State())

    /// - Parameter trace: the trace of the other bus.
    init(_ trace: Trace) { self.trace = trace }

    /// Prepares for an action; the next action that takes shows which deliveries it causes.
    ///
    /// - Returns: whether the other bus got that far.
    func begin(_ index: Int) -> Bool {
        let (actions, seen) = (self.trace.actions, self.trace.seen)
        guard index < seen.count else { return false }
        var holders: [Int: [String: Int]] = [:]
        for (action, seen) in zip(actions[index...], seen[index...]) {
            guard let slot = action.slotOfTaking, holders[slot] == nil else { continue }
            holders[slot] = Dictionary(seen.arrivals.map { ($0.label, $0.consumer) }) { first, _ in first }
        }
        self.state.withLock { state in
            if case .open(let consumer, let slot, _, _) = actions[index] { state.slots[consumer] = slot }
            state.holders = holders
        }
        return true
    }

    /// The index of the consumer that the other bus has chosen, or 0 if it is not among those here.
    func choose(among consumers: [UInt64], for message: Message) -> Int {
        self.state.withLock { state in
            let slot = consumers.first.flatMap { state.slots[Int($0)] } ?? 0
            let label = PlannedMessage.label(of: message)
            guard let holder = state.holders[slot]?[label] else { return 0 }
            return consumers.firstIndex { $0 == UInt64(holder) } ?? 0
        }
    }
}
