// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOPosix
import Testing

@testable import EventBusRabbit

@Suite("Waiting after a signal")
struct EventLoopPauseTests {
    @Test func aCancelledTaskWaitsAsWell() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await loop.pause(for: .zero)
        }
        await #expect(throws: Never.self) { try await task.value }
    }
}
