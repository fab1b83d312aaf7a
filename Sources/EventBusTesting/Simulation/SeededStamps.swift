// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The ids and times of a simulation: the seed determines the ids, the wall clock the times, which start at the beginning of 2026.
final class SeededStamps: StampSource {
    private let random: Mutex<SeededRandom>
    private let generator = Mutex(UUIDv7Generator())
    private let world: SimulatedWorld
    private let hasFailed = Mutex(false)

    init(_ world: SimulatedWorld) {
        self.random = Mutex(SeededRandom(seed: world.seed, "stamps"))
        self.world = world
    }

    func next() -> Stamp {
        let passed = (self.world.clock.now.offset + self.world.wallClockError).components
        let milliseconds = UInt64(
            1_767_225_600_000 + passed.seconds * 1000 + passed.attoseconds / 1_000_000_000_000_000
        )
        let random = self.random.withLock { $0.next() }
        let stamp = self.generator.withLock { $0.stamp(milliseconds: milliseconds, random: random) }
        self.check(stamp.time, against: Double(milliseconds) / 1000)
        return stamp
    }

    /// The order of ids may borrow from the future, the time of an event must not.
    private func check(_ time: Date, against now: Double) {
        let difference = time.timeIntervalSince1970 - now
        guard abs(difference) > 1 else { return }
        let isFirst = self.hasFailed.withLock { hasFailed in
            defer { hasFailed = true }
            return !hasFailed
        }
        guard isFirst else { return }
        let text = "an event's time differs from the wall clock by \(difference) s"
        self.world.history.record(.broken(Violation("time", nil, nil, text)), at: "clock")
    }
}
