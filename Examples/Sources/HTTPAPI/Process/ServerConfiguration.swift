// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import Logging

/// Where a program serves HTTP and how much it logs.
///
/// ## Configuration keys
/// - `HTTP_HOST` (host name or address, optional, default `127.0.0.1`): the interface to listen on; `0.0.0.0` for all.
/// - `HTTP_PORT` (1 to 65535, optional, default given by the program): the port to listen on.
/// - `LOG_LEVEL` (`trace` to `critical`, optional, default given by the program): the lowest level that is logged.
public struct ServerConfiguration: Sendable, Hashable {
    /// The interface to listen on.
    public var host: String
    /// The port to listen on; 0 for any that is free.
    public var port: Int
    /// The lowest level that is logged.
    public var logLevel: Logger.Level

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
        self.logLevel = try settings.logLevel(default: defaultLevel)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
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
