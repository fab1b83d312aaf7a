// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Where the broker is and how to talk to it.
public struct RabbitConfiguration: Sendable {
    /// Who this program says it is.
    enum Login: Sendable, Hashable {
        /// SASL PLAIN (RFC 4616).
        case password(user: String, password: String)
        /// SASL EXTERNAL: the TLS client certificate says who it is; needs `rabbitmq_auth_mechanism_ssl` on the broker.
        case certificate
    }

    /// How the broker's certificate is checked; it always is, with TLS 1.2 at least.
    struct TLS: Sendable, Hashable {
        /// A PEM file with the authorities to trust; `nil` for those of the system.
        var authorities: String?
        /// A PEM file with this program's certificate chain, and one with its key.
        var certificate: String?
        var key: String?
        /// The name to ask for and to check, when it is not the host's.
        var serverName: String?
    }

    /// The broker's name or address.
    public let host: String
    /// The broker's port.
    public let port: Int
    /// The virtual host.
    public let virtualHost: String
    let login: Login
    let tls: TLS?

    /// How often the peers show that they are alive; 1 to 600 s, 15 s unless told.
    public var heartbeat: Duration = .seconds(15)
    /// How long connecting may take, TLS and login included; 10 s unless told.
    public var connectionTimeout: Duration = .seconds(10)
    /// How long the broker may take to confirm a message; 30 s unless told.
    ///
    /// After it the outcome is ``EventBus/PublishOutcome/unknown`` and the connection is replaced, since RabbitMQ can lose confirms.
    public var confirmTimeout: Duration = .seconds(30)
    /// The name that the broker's management shows for the connections.
    public var connectionName = "swift-event-bus"
    /// How often an idle consumer looks whether another instance has left a message to be run alone; 1 s unless told.
    public var quarantineCheckInterval: Duration = .seconds(1)
}

extension RabbitConfiguration: CustomStringConvertible, CustomReflectable {
    /// The address without user and password.
    public var description: String {
        let scheme = self.tls == nil ? "amqp" : "amqps"
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(scheme)://\(host):\(self.port)/\(self.virtualHost == "/" ? "" : self.virtualHost)"
    }

    /// Shows only the address, so that `dump` cannot show the password.
    public var customMirror: Mirror { Mirror(self, children: ["address": self.description]) }
}
