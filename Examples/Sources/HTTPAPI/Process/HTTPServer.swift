// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import Hummingbird
import HummingbirdCore
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

    private let application: Application<ClientResponder>
    private let configuration: ServerConfiguration
    private let executor: (any TaskExecutor)?
    let certificate: ServerCertificate?

    /// Creates a server; it listens from `run()` on.
    ///
    /// - Parameters:
    ///   - router: what answers.
    ///   - configuration: where to listen.
    ///   - limits: how long clients may take.
    ///   - executor: where requests are handled, if not where all tasks run.
    ///   - logger: logs failures.
    ///   - onListening: called with the port once connections are accepted.
    public init(
        _ router: Router<BasicRequestContext>,
        _ configuration: ServerConfiguration,
        limits: ConnectionLimits = ConnectionLimits(),
        executor: (any TaskExecutor)? = nil,
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.executor = executor
        let certificate = configuration.tls.map { ServerCertificate($0, logger: logger) }
        self.certificate = certificate
        let gate = ConnectionGate(maximum: configuration.maximumConnectionsPerClient, logger: logger)
        self.application = Application(
            responder: ClientResponder(base: router.buildResponder()),
            server: HTTPServerBuilder {
                ClientChannel(limits: limits, gate: gate, certificate: certificate, respond: $0)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                backlog: 1024,
                // Others wait in the backlog.
                availableConnectionsDelegate: MaximumAvailableConnections(
                    configuration.maximumConnections,
                    logger: logger
                )
            ),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger
        )
    }

    /// Serves until graceful shutdown, then answers what has been accepted.
    ///
    /// - Throws: ``ConfigurationError`` when the address cannot be listened on, or the certificate cannot be used.
    public func run() async throws {
        try self.certificate?.load()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.serve() }
            if let certificate = self.certificate {
                group.addTask { try await certificate.keepUpToDate() }
            }
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
