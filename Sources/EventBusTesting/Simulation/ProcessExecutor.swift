// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// Runs the tasks of one life of a process on the simulation's thread, unless the process is frozen.
final class ProcessExecutor: TaskExecutor {
    let number: Int
    private let base: SeededExecutor
    private let calls: CallCounter
    private let onFault = Mutex<(@Sendable (_ step: Int) -> Void)?>(nil)

    init(on base: SeededExecutor, calls: CallCounter) {
        self.base = base
        self.calls = calls
        self.number = base.nextProcess()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        self.base.enqueue(UnownedJob(job), of: self)
    }

    // MARK: Freezing

    var isFrozen: Bool { self.base.isFrozen(self) }

    func freeze() { self.base.freeze(self) }

    func thaw() { self.base.thaw(self) }

    // MARK: Faults between two steps

    /// Sets what happens when a fault hits between two steps.
    func setFault(_ body: @escaping @Sendable (_ step: Int) -> Void) {
        self.onFault.withLock { $0 = body }
    }

    /// Counts a step; returns whether a fault hits before it.
    func isDueForFault() -> Bool { self.calls.step() }

    /// Lets the fault happen; returns whether there was one.
    func hit() -> Bool {
        let step = self.calls.faultyStep()
        guard let fault = self.onFault.withLock({ $0 }) else { return false }
        fault(step)
        return true
    }
}
