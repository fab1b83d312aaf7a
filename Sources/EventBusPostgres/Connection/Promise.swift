// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// A value that arrives later, and the task that waits for it.
final class Promise<Value: Sendable>: Sendable {
    private let list = WaitList<Value?, Void, Value?>(nil)

    /// Delivers the value; only the first one counts.
    func fulfill(_ value: Value) {
        self.list.change { current, waiters in
            guard case .none = current else { return }
            current = value
            waiters.resumeAll(returning: value)
        }
    }

    /// Waits for the value; `nil` if the task is cancelled first.
    func wait() async -> Value? {
        await self.list.wait(orWhenCancelled: nil) { value, _ in value.map { .answer($0) } ?? .wait(()) }
    }

    /// Waits for the value even if the task is cancelled.
    func waitIgnoringCancellation() async -> Value {
        // Only a cancelled wait returns `nil`.
        while true {
            let value = await self.list.waitIgnoringCancellation { value, _ in value.map { .answer($0) } ?? .wait(()) }
            if let value { return value }
        }
    }
}
