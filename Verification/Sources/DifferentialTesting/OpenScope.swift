// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// An open subscription that is ended from outside, so that it can span several actions.
final class OpenScope: Sendable {
    private struct Thrown: Error {}

    private struct State: Sendable {
        var deliveries: (any Deliveries)?
        var how: ProgramStep.How?
        var error: (any Error)?
    }

    let consumer: Int
    let slot: Int
    private let state = Mutex(State())
    private let hasOpened = Latch()
    private let isToEnd = Latch()
    private let hasEnded = Latch()

    init(consumer: Int, slot: Int) {
        self.consumer = consumer
        self.slot = slot
    }

    /// Keeps the scope open until ``end(_:)`` is called; run it in a task of its own.
    func run(_ subscription: Subscription, on bus: any EventBus) async {
        do {
            try await bus.withDeliveries(to: subscription) { deliveries in
                self.state.withLock { $0.deliveries = deliveries }
                self.hasOpened.open()
                await self.isToEnd.wait()
                if self.state.withLock({ $0.how }) == .throwing { throw Thrown() }
            }
        } catch is Thrown {
        } catch {
            self.state.withLock { $0.error = error }
        }
        self.hasOpened.open()
        self.hasEnded.open()
    }

    /// Returns when the scope is open.
    ///
    /// - Throws: the error with which opening failed.
    func opened() async throws -> any Deliveries {
        await self.hasOpened.wait()
        let (deliveries, error) = self.state.withLock { ($0.deliveries, $0.error) }
        if let error { throw error }
        guard let deliveries else { throw CancellationError() }
        return deliveries
    }

    /// Ends the scope and returns when its unsettled deliveries have returned.
    func end(_ how: ProgramStep.How) async throws {
        self.state.withLock { $0.how = how }
        self.isToEnd.open()
        await self.hasEnded.wait()
        if let error = self.state.withLock({ $0.error }) { throw error }
    }
}

/// Lets one task wait until the latch is open; a cancelled task does not wait.
private struct Latch: Sendable {
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    init() {
        (self.stream, self.continuation) = AsyncStream.makeStream(of: Never.self)
    }

    func open() { self.continuation.finish() }

    func wait() async { for await _ in self.stream {} }
}
