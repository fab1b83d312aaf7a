// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import ServiceLifecycle
import Synchronization

/// Requests of the outside world to a service; each is repeated until it is answered.
final class Requests<Request: Sendable>: Sendable {
    private struct State: Sendable {
        var waiting: [Request]
        var open: Int
    }

    private let state: Mutex<State>

    init(_ requests: [Request]) {
        self.state = Mutex(State(waiting: requests, open: requests.count))
    }

    /// Whether every request has been answered.
    var isDone: Bool { self.state.withLock { $0.open == 0 } }

    fileprivate func take() -> Request? {
        self.state.withLock { $0.waiting.popLast() }
    }

    fileprivate func putBack(_ request: Request) {
        self.state.withLock { $0.waiting.append(request) }
    }

    fileprivate func answered() {
        self.state.withLock { $0.open -= 1 }
    }
}

/// Serves requests as a server would: several at a time; a failed one is repeated.
struct Desk<Request: Sendable>: Service {
    let requests: Requests<Request>
    let process: SimulatedProcess
    let pause: Duration
    let answer: @Sendable (Request) async throws -> Void

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 { group.addTask { try await self.work() } }
            while try await group.next() != nil {}
        }
        // A server keeps running when there is nothing to do.
        let (nothing, end) = AsyncStream.makeStream(of: Void.self)
        await withGracefulShutdownHandler {
            for await _ in nothing {}
        } onGracefulShutdown: {
            end.finish()
        }
    }

    private func work() async throws {
        while let request = self.requests.take() {
            do {
                try await self.answer(request)
                self.requests.answered()
            } catch {
                self.requests.putBack(request)
                try Task.checkCancellation()
                if self.process.isDead { throw CancellationError() }
            }
            try await self.process.clock.sleep(for: self.pause)
        }
    }
}
