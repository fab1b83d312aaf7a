// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension Connection {
    /// Opens a connection that does not belong to the pool; the caller closes it.
    static func open(
        _ parameters: ConnectionParameters,
        mode: ConnectionMode,
        timeouts: ConnectionCore.Timeouts,
        on thread: IOThread,
        onNotification: @escaping @Sendable () -> Void = {}
    ) async throws(PostgresError) -> Connection {
        let opened = Promise<Result<Void, PostgresError>>()
        let connection = Connection(mode: mode, timeouts: timeouts, on: thread) { event in
            switch event {
            case .opened: opened.fulfill(.success(()))
            case .notified: onNotification()
            case .closed(let error): opened.fulfill(.failure(error))
            }
        }
        connection.open(parameters)
        guard let result = await opened.wait() else {
            connection.close()
            throw PostgresError(.cancelled)
        }
        try result.get()
        return connection
    }
}
