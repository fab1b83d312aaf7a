// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import Hummingbird
public import Logging
import NIOCore
public import ServiceLifecycle

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// An HTTP server as the last service of a group: the first to be shut down.
public struct HTTPServer: Service {
    /// How long answers may take after shutdown has begun, so that a client that stalls leaves time for the other services.
    static let drainTime = Duration.seconds(10)

    private let application: Application<RouterResponder<BasicRequestContext>>
    private let configuration: ServerConfiguration
    private let executor: (any TaskExecutor)?

    /// Creates a server; it listens from `run()` on.
    ///
    /// - Parameters:
    ///   - router: what answers.
    ///   - configuration: where to listen.
    ///   - executor: where requests are handled, if not where all tasks run.
    ///   - logger: logs failures.
    ///   - onListening: called with the port once connections are accepted.
    public init(
        _ router: Router<BasicRequestContext>,
        _ configuration: ServerConfiguration,
        executor: (any TaskExecutor)? = nil,
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.executor = executor
        self.application = Application(
            responder: router.buildResponder(),
            server: .http1(configuration: .init(idleTimeout: .seconds(60))),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                backlog: 1024
            ),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger
        )
    }

    /// Serves until graceful shutdown, then answers what has been accepted.
    ///
    /// - Throws: ``ConfigurationError`` when the address cannot be listened on.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.serve() }
            group.addTask {
                try await gracefulShutdown()
                try await Task.sleep(for: HTTPServer.drainTime)
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func serve() async throws {
        do {
            try await withTaskExecutorPreference(self.executor) { try await self.application.run() }
        } catch let error as CancellationError {
            throw error
        } catch {
            let address = "\(self.configuration.host):\(self.configuration.port)"
            let isInUse = (error as? IOError)?.errnoCode == EADDRINUSE
            let problem =
                isInUse ? "\(address) is in use by another program" : "listening on \(address) failed: \(error)"
            throw ConfigurationError("HTTP_HOST, HTTP_PORT", "cannot be used: \(problem)")
        }
    }
}
