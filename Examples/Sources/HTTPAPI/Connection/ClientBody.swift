// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import NIOCore
import Synchronization

/// A request on its way from the connection to the API.
struct ClientRequest: Sendable {
    let head: HTTPRequest
    let body: ClientBody
}

/// The body of a request, in one part, which may still have to arrive.
final class ClientBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var body: ClientBody?

        mutating func next() async throws -> ByteBuffer? { try await self.body.take()?.read() }
    }

    private struct State {
        var result: Result<ByteBuffer, any Error>?
        var reader: CheckedContinuation<ByteBuffer, any Error>?
    }

    private let state = Mutex(State())
    private let onRead: (@Sendable () -> Void)?

    /// Creates a body that has not arrived.
    ///
    /// - Parameter onRead: called when the body is wanted, but not there.
    init(onRead: (@Sendable () -> Void)?) {
        self.onRead = onRead
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }

    /// Says what the body is, or that none will come; once.
    func end(_ result: Result<ByteBuffer, any Error>) {
        let reader = self.state.withLock { state in
            state.result = result
            return state.reader.take()
        }
        reader?.resume(with: result)
    }

    /// Waits for the body.
    ///
    /// When the task is cancelled the connection ends the wait.
    private func read() async throws -> ByteBuffer {
        try await withCheckedThrowingContinuation { reader in
            let result = self.state.withLock { state in
                if state.result == nil { state.reader = reader }
                return state.result
            }
            if let result { reader.resume(with: result) } else { self.onRead?() }
        }
    }
}
