// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// What a bus is doing, and who waits for it to start.
final class BusStatus: Sendable {
    enum Phase: Hashable {
        case idle
        case connecting
        case connected
        case blocked(reason: String)
        case down(String)
        case ended
    }

    private struct State {
        var phase = Phase.idle
        var lastScope: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, any Error>] = [:]
    }

    private let state = Mutex(State())

    /// What keeps the bus from publishing.
    var health: Health {
        switch self.state.withLock({ $0.phase }) {
        case .connected: .ready
        case .idle: Health(problems: ["RabbitMQ: the bus is not running"])
        case .connecting: Health(problems: ["RabbitMQ: not connected yet"])
        case .blocked(let reason): Health(problems: ["RabbitMQ: the broker takes no messages: \(reason)"])
        case .down(let text): Health(problems: ["RabbitMQ: not connected: \(text)"])
        case .ended: Health(problems: ["RabbitMQ: the bus has been shut down"])
        }
    }

    /// Marks the bus as running.
    ///
    /// - Returns: whether it was idle.
    func start() -> Bool {
        let waiters = self.state.withLock { state -> [CheckedContinuation<Void, any Error>]? in
            guard state.phase == .idle else { return nil }
            state.phase = .connecting
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters ?? [] { waiter.resume() }
        return waiters != nil
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

    var isIdle: Bool { self.state.withLock { $0.phase == .idle } }

    /// Waits until the bus has been started.
    ///
    /// - Throws: ``BusError`` with code `closed`; `CancellationError`.
    func untilStarted() async throws {
        let id = self.nextScope()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let result = self.state.withLock { state -> Result<Void, any Error>? in
                    switch state.phase {
                    case .ended: return .failure(BusError(.closed, "RabbitMQ: the bus has been shut down"))
                    case .idle where Task.isCancelled: return .failure(CancellationError())
                    case .idle:
                        state.waiters[id] = waiter
                        return nil
                    default: return .success(())
                    }
                }
                if let result { waiter.resume(with: result) }
            }
        } onCancel: {
            self.state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }
}
