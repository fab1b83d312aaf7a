// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import NIOPosix
import NIOSSL

extension RabbitConnection {
    /// To which hosts to connect.
    enum Choice {
        case any
        /// Nothing that happens then counts as a failure of the host.
        case only(RabbitConfiguration.Host)
        case except(RabbitConfiguration.Host)

        func includes(_ host: RabbitConfiguration.Host) -> Bool {
            switch self {
            case .any: true
            case .only(let only): host == only
            case .except(let avoided): host != avoided
            }
        }

        var judgesHosts: Bool { if case .only = self { false } else { true } }
    }

    /// Connects to one of the hosts and logs in.
    ///
    /// - Parameters:
    ///   - name: what the broker's management shows.
    ///   - hosts: what is known of them.
    ///   - choice: which of the hosts are tried.
    /// - Throws: ``ConnectionFailure``, with the cause for every host; `CancellationError`.
    static func open(
        _ configuration: RabbitConfiguration,
        name: String,
        on eventLoop: any EventLoop,
        among hosts: HostWatch = HostWatch(),
        to choice: Choice = .any
    ) async throws -> RabbitConnection {
        let tls = try configuration.tls.map { (tls) throws(ConnectionFailure) in
            (context: try RabbitConnection.context(tls), name: tls.serverName)
        }
        let wishes = ConnectionState.Wishes(
            login: configuration.login,
            virtualHost: configuration.virtualHost,
            connectionName: name,
            // The configuration allows at most 600 s.
            heartbeat: UInt16(configuration.heartbeat.components.seconds)
        )
        var random = SystemRandomNumberGenerator()
        let deadline = NIODeadline.now() + TimeAmount(configuration.connectionTimeout)
        let tried = configuration.hosts.filter(choice.includes)
        var plan = ConnectionPlan(tried, after: hosts.failures, deadline: deadline, using: &random)
        while let step = plan.next(now: .now()), let host = plan.host {
            let deadline = plan.stepDeadline
            do {
                switch step {
                case .lookUp:
                    let addresses = try await HostLookup.shared.addresses(of: host, until: deadline, on: eventLoop)
                    plan.found(addresses, using: &random)
                case .connect(let address):
                    let connection = try await RabbitConnection.connect(
                        to: address,
                        of: host,
                        wishes,
                        until: deadline,
                        on: eventLoop
                    ) {
                        try tls.map { try RabbitConnection.handler($0.context, $0.name, host) }
                    }
                    if choice.judgesHosts { hosts.add(connection) }
                    return connection
                }
            } catch let failure as ConnectionFailure {
                plan.failed(failure)
                if choice.judgesHosts { hosts.failed(host) }
            }
        }
        throw plan.failure
    }

    private static func connect(
        to address: SocketAddress,
        of host: RabbitConfiguration.Host,
        _ wishes: ConnectionState.Wishes,
        until deadline: NIODeadline,
        on eventLoop: any EventLoop,
        _ tls: @escaping @Sendable () throws -> NIOSSLClientHandler?
    ) async throws -> RabbitConnection {
        let opened = eventLoop.makePromise(of: ConnectionState.Limits.self)
        let timer = eventLoop.scheduleTask(deadline: deadline) {
            opened.fail(ConnectionFailure(.unreachable, "connecting took too long"))
        }
        defer { timer.cancel() }
        let connected = ClientBootstrap(group: eventLoop)
            .connectTimeout(deadline - .now())
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = try tls() { try channel.pipeline.syncOperations.addHandler(tls) }
                    let handler = ConnectionHandler(wishes, opened: opened)
                    try channel.pipeline.syncOperations.addHandlers(handler.readGate, handler)
                }
            }
            .connect(to: address)
        connected.whenFailure { opened.fail(ConnectionFailure(.unreachable, "\($0)")) }
        let result = opened.futureResult.flatMap { _ in connected }.flatMapThrowing { channel in
            RabbitConnection(
                host: host,
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
        return try await withTaskCancellationHandler {
            try await result.get()
        } onCancel: {
            opened.fail(CancellationError())
        }
    }

    static func context(_ tls: RabbitConfiguration.TLS) throws(ConnectionFailure) -> NIOSSLContext {
        do throws(TLSFile.Problem) {
            return try tls.context()
        } catch {
            throw ConnectionFailure(.unreachable, "\(error)")
        }
    }

    /// - Parameter name: the name that the certificate must have, if it is not the host's.
    private static func handler(
        _ context: NIOSSLContext,
        _ name: String?,
        _ host: RabbitConfiguration.Host
    ) throws -> NIOSSLClientHandler {
        // SNI allows no addresses (RFC 6066 §3); an address is compared with those of the certificate.
        let isAddress = (try? SocketAddress(ipAddress: host.name, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: name ?? (isAddress ? nil : host.name))
    }
}
