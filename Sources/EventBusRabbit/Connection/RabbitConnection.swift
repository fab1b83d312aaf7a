// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import NIOPosix
import NIOSSL

/// An open connection, for use by tasks.
struct RabbitConnection: Sendable {
    let eventLoop: any EventLoop
    private let channel: any Channel
    let handler: NIOLoopBound<ConnectionHandler>

    /// Connects and logs in.
    ///
    /// - Throws: ``ConnectionFailure``; `CancellationError`.
    static func open(
        _ configuration: RabbitConfiguration,
        name: String,
        on eventLoop: any EventLoop
    ) async throws -> RabbitConnection {
        let tls = try RabbitConnection.tls(configuration)
        let opened = eventLoop.makePromise(of: ConnectionState.Limits.self)
        let wishes = ConnectionState.Wishes(
            login: configuration.login,
            virtualHost: configuration.virtualHost,
            connectionName: name,
            // The configuration allows at most 600 s.
            heartbeat: UInt16(configuration.heartbeat.components.seconds)
        )
        let timeout = TimeAmount(configuration.connectionTimeout)
        let connected = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls.context, serverHostname: tls.serverName)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    let handler = ConnectionHandler(wishes, opened: opened)
                    try channel.pipeline.syncOperations.addHandlers(handler.readGate, handler)
                }
            }
            .connect(host: configuration.host, port: configuration.port)
        connected.whenFailure { opened.fail(ConnectionFailure(.unreachable, RabbitConnection.text(of: $0))) }
        let deadline = eventLoop.scheduleTask(in: timeout) {
            opened.fail(ConnectionFailure(.unreachable, "connecting took too long"))
        }
        let result = opened.futureResult.flatMap { _ in connected }.flatMapThrowing { channel in
            RabbitConnection(
                eventLoop: eventLoop,
                channel: channel,
                handler: NIOLoopBound(
                    try channel.pipeline.syncOperations.handler(type: ConnectionHandler.self),
                    eventLoop: eventLoop
                )
            )
        }
        // The socket must not stay open when the login fails.
        result.whenFailure { _ in connected.whenSuccess { $0.close(promise: nil) } }
        do {
            let connection = try await withTaskCancellationHandler {
                try await result.get()
            } onCancel: {
                opened.fail(CancellationError())
            }
            deadline.cancel()
            return connection
        } catch {
            deadline.cancel()
            throw error
        }
    }

    /// Runs something on the connection's event loop.
    func onLoop<Result: Sendable>(
        _ body: @escaping @Sendable (ConnectionHandler) throws -> Result
    ) async throws -> Result {
        try await self.eventLoop.submit { try body(self.handler.value) }.get()
    }

    /// Opens a channel.
    ///
    /// - Throws: ``ConnectionFailure``.
    func openChannel() async throws -> NIOLoopBound<AMQPChannel> {
        let channel = try await self.onLoop { handler in
            NIOLoopBound(try handler.openChannel(), eventLoop: self.eventLoop)
        }
        _ = try await self.call(.channelOpen, on: channel)
        return channel
    }

    /// Sends a request and waits for its answer.
    ///
    /// - Throws: ``ConnectionFailure``.
    @discardableResult
    func call(_ method: ClientMethod, on channel: NIOLoopBound<AMQPChannel>) async throws -> Reply {
        try await self.eventLoop.flatSubmit { self.handler.value.call(method, on: channel.value) }.get()
    }

    /// Closes the connection properly, within 5 s; also in a cancelled task.
    func close() async {
        self.eventLoop.execute { self.handler.value.close() }
        try? await self.channel.closeFuture.get()
    }

    /// Waits until the connection is closed.
    ///
    /// - Throws: `CancellationError`.
    func untilClosed() async throws {
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.channel.closeFuture.cascade(to: promise)
        try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }

    private static func tls(
        _ configuration: RabbitConfiguration
    ) throws(ConnectionFailure) -> (context: NIOSSLContext, serverName: String?)? {
        guard let tls = configuration.tls else { return nil }
        do {
            var settings = TLSConfiguration.makeClientConfiguration()
            settings.minimumTLSVersion = .tlsv12
            settings.certificateVerification = .fullVerification
            if let authorities = tls.authorities { settings.trustRoots = .file(authorities) }
            if let certificate = tls.certificate, let key = tls.key {
                settings.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
                settings.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
            }
            // SNI allows no addresses (RFC 6066 §3); an address is compared with those of the certificate.
            let isAddress = (try? SocketAddress(ipAddress: configuration.host, port: 0)) != nil
            let serverName = tls.serverName ?? (isAddress ? nil : configuration.host)
            return (try NIOSSLContext(configuration: settings), serverName)
        } catch {
            throw ConnectionFailure(.unreachable, "TLS cannot be set up: \(error)")
        }
    }

    private static func text(of error: any Error) -> String {
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        if let failure = error.connectionErrors.first { return "\(failure.target): \(failure.error)" }
        return "no address for \(error.host)"
    }
}
