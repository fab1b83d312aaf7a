// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI
import Hummingbird
import Logging
import NIOCore

/// Runs a server on a free port for as long as `body` takes.
func withServer<Result: Sendable>(
    _ router: Router<BasicRequestContext> = .api(),
    _ configuration: HTTPAPI.ServerConfiguration = HTTPAPI.ServerConfiguration(port: 0),
    limits: ConnectionLimits = ConnectionLimits(),
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    _ body: @escaping @Sendable (_ port: Int) async throws -> Result
) async throws -> Result {
    let (ports, listening) = AsyncStream.makeStream(of: Int.self)
    let server = HTTPServer(router, configuration, limits: limits, logger: logger) { listening.yield($0) }
    return try await withServer(server, ports) { try await body($0) }
}

/// Runs a server that yields its port for as long as `body` takes.
func withServer<Result: Sendable>(
    _ server: HTTPServer,
    _ ports: AsyncStream<Int>,
    _ body: @escaping @Sendable (_ port: Int) async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await server.run()
            return nil
        }
        group.addTask {
            for await port in ports { return try await body(port) }
            return nil
        }
        defer { group.cancelAll() }
        while let result = try await group.next() {
            if let result { return result }
        }
        throw CancellationError()
    }
}
