// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What a bus is doing, and which tasks wait for it to start.
final class BusStatus: Sendable {
    enum Phase: Hashable, Sendable {
        case idle
        case connecting
        case connected
        case blocked(reason: String)
        case down(String)
        case ended
    }

    private struct State: Sendable {
        var phase = Phase.idle
        var lastScope: UInt64 = 0
    }

    private enum Answer: Sendable {
        case started
        case ended
        case cancelled
    }

    private let state = WaitList<State, Void, Answer>(State())

    /// What keeps the bus from publishing.
    var health: Health {
        switch self.state.withLock({ $0.phase }) {
        case .connected: .ready
        case .idle: Health(problems: ["RabbitMQ: the bus is not running"])
        case .connecting: Health(problems: ["RabbitMQ: not connected yet"])
        case .blocked(let reason): Health(problems: ["RabbitMQ: the broker accepts no messages: \(reason)"])
        case .down(let text): Health(problems: ["RabbitMQ: not connected: \(text)"])
        case .ended: Health(problems: ["RabbitMQ: the bus has been shut down"])
        }
    }

    var isIdle: Bool { self.state.withLock { $0.phase == .idle } }

    /// Marks the bus as running.
    ///
    /// - Returns: whether it was idle.
    func start() -> Bool {
        self.state.change { state, waiters in
            guard state.phase == .idle else { return false }
            state.phase = .connecting
            waiters.resumeAll(returning: .started)
            return true
        }
    }

    func change(to phase: Phase) {
        self.state.withLock { if $0.phase != .ended { $0.phase = phase } }
    }

    /// A number for a new scope, unique within the bus.
    func nextScope() -> UInt64 {
        self.state.withLock {
            $0.lastScope += 1
            return $0.lastScope
        }
    }

    /// Waits until the bus has been started.
    ///
    /// - Throws: `BusError` with code `closed`; `CancellationError`.
    func untilStarted() async throws {
        let answer = await self.state.wait(orWhenCancelled: .cancelled) { state, _ in
            switch state.phase {
            case .idle: .wait(())
            case .ended: .answer(.ended)
            case .connecting, .connected, .blocked, .down: .answer(.started)
            }
        }
        switch answer {
        case .started: break
        case .ended: throw BusError.shutDown
        case .cancelled: throw CancellationError()
        }
    }
}
