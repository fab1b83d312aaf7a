// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

extension Connection {
    /// Opens a connection outside of the pool.
    ///
    /// Whoever asked for it has to close it.
    static func open(
        _ parameters: ConnectionParameters,
        mode: ConnectionMode,
        timeouts: ConnectionCore.Timeouts,
        on thread: IOThread
    ) async throws(PostgresError) -> Connection {
        let opening = Opening()
        let connection = Connection(mode: mode, timeouts: timeouts, on: thread) { event in
            switch event {
            case .opened: opening.finish(.success(()))
            case .closed(let error): opening.finish(.failure(error))
            }
        }
        try await opening.wait { connection.open(parameters) }.get()
        return connection
    }

    /// Who waits for a connection to open; only the first event counts.
    private final class Opening: Sendable {
        typealias Waiter = CheckedContinuation<Result<Void, PostgresError>, Never>

        private let waiter = Mutex<Waiter?>(nil)

        func wait(_ start: () -> Void) async -> Result<Void, PostgresError> {
            await withCheckedContinuation { continuation in
                self.waiter.withLock { $0 = continuation }
                start()
            }
        }

        func finish(_ result: Result<Void, PostgresError>) {
            let waiter = self.waiter.withLock { waiter in
                defer { waiter = nil }
                return waiter
            }
            waiter?.resume(returning: result)
        }
    }
}
