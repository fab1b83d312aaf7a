// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import Logging

/// Where a program serves HTTP and how much it logs.
///
/// ## Configuration keys
/// - `HTTP_HOST` (host name or address, optional, default `127.0.0.1`): the interface to listen on; `0.0.0.0` for all.
/// - `HTTP_PORT` (1 to 65535, optional, default given by the program): the port to listen on.
/// - `HTTP_TLS_CERTIFICATE_FILE`, `HTTP_TLS_KEY_FILE` (paths, optional, both or neither): the certificates, the server's first,
///   and its private key, in PEM. With them the server speaks TLS 1.2 or 1.3 and nothing else; without, it does not speak TLS.
/// - `HTTP_MAXIMUM_CONNECTIONS` (1 to 1000000, optional, default 900): the number of connections at the same time; others wait
///   until one of them ends. The limit of open files (`ulimit -n`) has to be higher by about 100; it is 1024 on many systems.
/// - `HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT` (1 to 1000000, optional, default half of that, or all with `TRUSTED_PROXY_HEADER`): the
///   number of connections at the same time from one IPv4 address, or from one network of IPv6; others are closed at once. Behind a
///   proxy all are from the proxy.
/// - `LOG_LEVEL` (`trace` to `critical`, optional, default given by the program): the lowest level that is logged.
public struct ServerConfiguration: Sendable, Hashable {
    /// The interface to listen on.
    public var host: String
    /// The port to listen on; 0 for any that is free.
    public var port: Int
    /// The lowest level that is logged.
    public var logLevel: Logger.Level
    /// The number of connections at the same time.
    public var maximumConnections = 900
    /// The number of connections at the same time from one address, or from one network of IPv6.
    public var maximumConnectionsPerClient = 450
    /// The server's certificate and key; without them it does not speak TLS.
    public var tls: TLSFiles?

    /// Creates a configuration.
    public init(host: String = "127.0.0.1", port: Int, logLevel: Logger.Level = .info) {
        self.host = host
        self.port = port
        self.logLevel = logLevel
    }

    /// Reads the configuration keys above.
    ///
    /// - Throws: ``ConfigurationError`` that names the variable which is empty or malformed.
    public init(
        _ settings: Settings,
        defaultPort: Int,
        defaultLevel: Logger.Level = .info
    ) throws(ConfigurationError) {
        self.host = try settings.value(
            "HTTP_HOST",
            default: "127.0.0.1",
            expected: "a host name or an address",
            { text in text.utf8.count <= 253 && text.utf8.allSatisfy(ServerConfiguration.isHostByte) ? text : nil }
        )
        self.port = try settings.number("HTTP_PORT", default: defaultPort, in: 1...65535)
        self.maximumConnections = try settings.number(
            "HTTP_MAXIMUM_CONNECTIONS",
            default: self.maximumConnections,
            in: 1...1_000_000
        )
        let isBehindProxy = settings.isSet("TRUSTED_PROXY_HEADER")
        self.maximumConnectionsPerClient = try settings.number(
            "HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT",
            default: isBehindProxy ? self.maximumConnections : (self.maximumConnections + 1) / 2,
            in: 1...1_000_000
        )
        self.tls = try TLSFiles(settings)
        self.logLevel = try settings.logLevel(default: defaultLevel)
    }

    static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "%"):
            true
        default: false
        }
    }

    /// A logger on this level.
    public func logger(_ label: String) -> Logger {
        var logger = Logger(label: label)
        logger.logLevel = self.logLevel
        return logger
    }
}
