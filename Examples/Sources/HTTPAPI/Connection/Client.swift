// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

/// Who is at the other end of a connection, for as long as they are.
final class Client: Sendable {
    /// The client for whom the task works, in a request that came over a connection.
    @TaskLocal static var current: Client?

    private struct State {
        var isGone = false
        var watcher: AsyncStream<Void>.Continuation?
    }

    private let state = Mutex(State())

    /// Cancels what works for the client, now and later.
    func leave() {
        let watcher = self.state.withLock { state in
            state.isGone = true
            return state.watcher.take()
        }
        watcher?.finish()
    }

    /// Runs the work for one request; cancels it when the client leaves.
    func whileHere<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                await self.untilGone()
                return nil
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
                group.cancelAll()
            }
            throw CancellationError()
        }
    }

    /// Returns when the client has left or the task is cancelled.
    ///
    /// One task may wait at a time.
    private func untilGone() async {
        let (stream, watcher) = AsyncStream.makeStream(of: Void.self)
        let isGone = self.state.withLock { state in
            if !state.isGone { state.watcher = watcher }
            return state.isGone
        }
        if isGone { return }
        for await _ in stream {}
    }
}
