// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// Decides, by seed, which call goes wrong and how.
///
/// Each decision depends only on the process and the number of its call, so that removing one fault does not move the others,
/// which the reduction of a failure relies on.
final class FaultPlan: Sendable {
    private let faults: Faults
    private let suppressed: Set<InjectedFault.ID>
    private let maximum: Int
    private let drawn = Mutex<[InjectedFault]>([])

    init(seed: UInt64, _ faults: Faults, except suppressed: Set<InjectedFault.ID>) {
        self.faults = faults
        self.suppressed = suppressed
        var random = SeededRandom(seed: seed, "faults")
        // Runs with few faults tell as much as runs with many, so the number varies from seed to seed.
        self.maximum = faults.maximum == 0 ? 0 : random.below(faults.maximum + 1)
    }

    /// Whether anything can go wrong.
    var isActive: Bool { self.maximum > 0 }

    /// The faults that have happened, without the suppressed ones.
    var injected: [InjectedFault] {
        self.drawn.withLock { $0 }.filter { !self.suppressed.contains($0.id) }
    }

    func draw(_ call: FaultCall, _ id: InjectedFault.ID, _ seed: UInt64) -> Fault? {
        var random = SeededRandom(seed: seed ^ UInt64(id.call) &* 0x9e37_79b9_7f4a_7c15)
        guard random.below(1000) < self.faults.perThousandCalls else { return nil }
        let possible = call.faults.filter(self.faults.kinds.contains)
        guard !possible.isEmpty else { return nil }
        let fault = possible[random.below(possible.count)]
        return self.inject(InjectedFault(id: id, fault: fault, call: call.rawValue))
    }

    /// A fault between two calls, at a step that the seed has chosen.
    func drawStep(_ id: InjectedFault.ID, _ seed: UInt64) -> Fault? {
        var random = SeededRandom(seed: seed ^ UInt64(id.call) &* 0x9e37_79b9_7f4a_7c15, "step")
        let possible = FaultCall.step.faults.filter(self.faults.kinds.contains)
        guard !possible.isEmpty else { return nil }
        let fault = possible[random.below(possible.count)]
        return self.inject(InjectedFault(id: id, fault: fault, call: FaultCall.step.rawValue))
    }

    /// How many steps of a process are between two faults that hit between its calls, on average; 0 if there are none.
    var stepsBetweenFaults: Int {
        guard self.isActive, !self.faults.kinds.isDisjoint(with: FaultCall.step.faults) else { return 0 }
        return self.faults.perThousandCalls == 0 ? 0 : 10_000 / self.faults.perThousandCalls
    }

    private func inject(_ fault: InjectedFault) -> Fault? {
        self.drawn.withLock { drawn in
            // A suppressed fault counts, or another one would take its place.
            guard drawn.count < self.maximum else { return nil }
            drawn.append(fault)
            return self.suppressed.contains(fault.id) ? nil : fault.fault
        }
    }
}
