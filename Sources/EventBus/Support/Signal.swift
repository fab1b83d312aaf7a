// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// A flag that one task at a time can wait for; it stays raised until a task waits for it, which lowers it.
package final class Signal: Sendable {
    private enum State {
        case lowered
        case raised
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.lowered)

    package init() {}

    package func raise() {
        let waiter: CheckedContinuation<Void, Never>? = self.state.withLock { state in
            if case .waiting(let continuation) = state {
                state = .lowered
                return continuation
            }
            state = .raised
            return nil
        }
        waiter?.resume()
    }

    /// Waits until the flag is raised or the task is cancelled.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mayPass = self.state.withLock { state in
                    if case .lowered = state {
                        state = .waiting(continuation)
                        return false
                    }
                    state = .lowered
                    return true
                }
                if mayPass { continuation.resume() }
            }
        } onCancel: {
            self.raise()
        }
    }

    /// Waits until the flag is raised, the deadline has passed or the task is cancelled.
    package func wait(until deadline: Duration?, on clock: RelativeClock) async {
        guard let deadline else { return await self.wait() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await clock.sleep(deadline) }
            group.addTask { await self.wait() }
            await group.next()
            group.cancelAll()
        }
    }
}
