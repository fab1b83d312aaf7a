// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The ids and times of a simulation: the seed determines the ids, the clock the times, which start at the beginning of 2026.
final class SeededStamps: StampSource {
    private let random: Mutex<SeededRandom>
    private let generator = Mutex(UUIDv7Generator())
    private let clock: VirtualClock

    init(seed: UInt64, clock: VirtualClock) {
        self.random = Mutex(SeededRandom(seed: seed, "stamps"))
        self.clock = clock
    }

    func next() -> Stamp {
        let passed = self.clock.now.offset.components
        let milliseconds = UInt64(
            1_767_225_600_000 + passed.seconds * 1000 + passed.attoseconds / 1_000_000_000_000_000
        )
        let random = self.random.withLock { $0.next() }
        let id = self.generator.withLock { $0.next(milliseconds: milliseconds, random: random) }
        return Stamp(id: id, time: Date(timeIntervalSince1970: Double(milliseconds) / 1000))
    }
}
