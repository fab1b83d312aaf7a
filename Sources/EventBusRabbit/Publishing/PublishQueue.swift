// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Synchronization

/// Messages to send together, and where their outcomes go.
struct PublishBatch: Sendable {
    enum Sink: Sendable {
        /// Resumed once, when all outcomes are known.
        case all(CheckedContinuation<[PublishOutcome], Never>)
        /// Called as outcomes become known: on the event loop, or at once if nothing can be sent.
        case each(@Sendable ([(index: Int, outcome: PublishOutcome)]) -> Void)
    }

    let messages: [Outgoing]
    let sink: Sink

    /// Whether the batch waits while there is no connection; one whose caller waits for it fails at once.
    var waits: Bool { if case .each = self.sink { true } else { false } }

    /// Gives all messages the same outcome.
    func resolve(_ outcome: PublishOutcome) {
        switch self.sink {
        case .all(let continuation): continuation.resume(returning: self.messages.map { _ in outcome })
        case .each(let report): report(self.messages.indices.map { ($0, outcome) })
        }
    }
}

/// The batches for one channel of the publishing connection; the event loop is woken once, however many are added.
///
/// Batches wait for the first connection. When a connection has been lost, those that a caller waits for fail at once until there is a
/// new one.
final class PublishQueue: Sendable {
    private enum Phase {
        case starting
        case up(@Sendable () -> Void)
        case down(BusError)
    }

    private struct State {
        var phase = Phase.starting
        var batches: [(id: UInt64, batch: PublishBatch)] = []
        var lastID: UInt64 = 0
        var isWoken = false
    }

    private let state = Mutex(State())

    /// Adds a batch; its sink gets exactly one outcome for each message.
    ///
    /// - Returns: the id to cancel it by.
    @discardableResult
    func submit(_ batch: PublishBatch) -> UInt64 {
        let (id, wake, error) = self.state.withLock { state -> (UInt64, (@Sendable () -> Void)?, BusError?) in
            state.lastID += 1
            if case .down(let error) = state.phase, !batch.waits || error.code == .closed {
                return (state.lastID, nil, error)
            }
            state.batches.append((state.lastID, batch))
            guard case .up(let wake) = state.phase, !state.isWoken else { return (state.lastID, nil, nil) }
            state.isWoken = true
            return (state.lastID, wake, nil)
        }
        if let error { batch.resolve(.notSent(error)) }
        wake?()
        return id
    }

    /// Removes a batch that still waits.
    func cancel(_ id: UInt64, _ error: BusError) {
        let batch = self.state.withLock { state in
            state.batches.firstIndex { $0.id == id }.map { state.batches.remove(at: $0).batch }
        }
        batch?.resolve(.notSent(error))
    }

    /// There is a connection; `wake` makes it take the batches that wait.
    func attach(_ wake: @escaping @Sendable () -> Void) {
        self.state.withLock {
            $0.phase = .up(wake)
            $0.isWoken = true
        }
        wake()
    }

    /// There is no connection: batches that a caller waits for fail, and so do new ones; at the end of the bus all do.
    func detach(_ error: BusError) {
        let batches = self.state.withLock { state in
            state.phase = .down(error)
            let failing = state.batches.filter { !$0.batch.waits || error.code == .closed }
            state.batches.removeAll { !$0.batch.waits || error.code == .closed }
            return failing
        }
        for entry in batches { entry.batch.resolve(.notSent(error)) }
    }

    /// The batches that wait, for the connection to send.
    func take() -> [PublishBatch] {
        self.state.withLock { state in
            state.isWoken = false
            defer { state.batches = [] }
            return state.batches.map(\.batch)
        }
    }
}
