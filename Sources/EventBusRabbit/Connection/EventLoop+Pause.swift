// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

extension EventLoop {
    /// Waits, also in a cancelled task, where `Task.sleep` does not: for what has to be done after a signal.
    ///
    /// - Throws: `EventLoopError` when the loop is shut down.
    func pause(for time: TimeAmount) async throws {
        try await self.scheduleTask(in: time) {}.futureResult.get()
    }
}
