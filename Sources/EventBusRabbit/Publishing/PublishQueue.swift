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
    /// The id to cancel it by, when it is in a queue.
    fileprivate(set) var id: UInt64 = 0

    init(messages: [Outgoing], sink: Sink) {
        self.messages = messages
        self.sink = sink
    }

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
        case up(wake: @Sendable () -> Void, cancel: @Sendable (UInt64) -> Void)
        case down(BusError)
    }

    private struct State {
        var phase = Phase.starting
        var batches: [PublishBatch] = []
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
            var batch = batch
            batch.id = state.lastID
            state.batches.append(batch)
            guard case .up(let wake, _) = state.phase, !state.isWoken else { return (state.lastID, nil, nil) }
            state.isWoken = true
            return (state.lastID, wake, nil)
        }
        if let error { batch.resolve(.notSent(error)) }
        wake?()
        return id
    }

    /// Removes a batch as far as nothing of it has been written.
    func cancel(_ id: UInt64, _ error: BusError) {
        let (batch, cancel) = self.state.withLock { state -> (PublishBatch?, (@Sendable (UInt64) -> Void)?) in
            if let index = state.batches.firstIndex(where: { $0.id == id }) {
                return (state.batches.remove(at: index), nil)
            }
            guard case .up(_, let cancel) = state.phase else { return (nil, nil) }
            return (nil, cancel)
        }
        batch?.resolve(.notSent(error))
        cancel?(id)
    }

    /// There is a connection.
    ///
    /// - Parameters:
    ///   - wake: makes it take the batches that wait.
    ///   - cancel: makes it drop what it has taken of a batch and not written.
    func attach(_ wake: @escaping @Sendable () -> Void, cancel: @escaping @Sendable (UInt64) -> Void = { _ in }) {
        self.state.withLock {
            $0.phase = .up(wake: wake, cancel: cancel)
            $0.isWoken = true
        }
        wake()
    }

    /// There is no connection: batches that a caller waits for fail, and so do new ones; at the end of the bus all do.
    func detach(_ error: BusError) {
        let batches = self.state.withLock { state in
            state.phase = .down(error)
            let failing = state.batches.filter { !$0.waits || error.code == .closed }
            state.batches.removeAll { !$0.waits || error.code == .closed }
            return failing
        }
        for batch in batches { batch.resolve(.notSent(error)) }
    }

    /// The batches that wait, for the connection to send.
    func take() -> [PublishBatch] {
        self.state.withLock { state in
            state.isWoken = false
            defer { state.batches = [] }
            return state.batches
        }
    }
}
