// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization
import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Ids and times while the clock is set")
struct StampTests {
    @Test func theTimeIsThatOfTheClockAndIdsAscend() {
        let offsets = Mutex<[Double]>([0, 3600, 0, 0, -3600, -3600, 1])
        let source = SystemStampSource {
            Date(timeIntervalSince1970: 1_767_225_600 + offsets.withLock { $0.removeFirst() })
        }
        let stamps = (0..<7).map { _ in source.next() }
        #expect(zip(stamps, stamps.dropFirst()).allSatisfy { $0.id < $1.id })
        let times = stamps.map { $0.time.timeIntervalSince1970 - 1_767_225_600 }
        #expect(times == [0, 3600, 0, 0, -3600, -3600, 1])
    }
}
