// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

extension RabbitConfiguration {
    /// Reads a URL such as `amqps://user:password@host:5671/vhost?heartbeat=15`.
    ///
    /// The scheme is `amqp` (port 5672) or `amqps` (port 5671). User, password, virtual host and parameter values are
    /// percent-encoded; an IPv6 address is written in brackets. By default, user and password are `guest` and the virtual host is
    /// `/`. The query parameters are those of RabbitMQ's own clients: `heartbeat` in seconds, `connection_timeout` in milliseconds,
    /// `cacertfile`, `certfile`, `keyfile`, `server_name_indication`, `auth_mechanism` (`plain` or `external`) and `verify` (only
    /// `verify_peer`).
    ///
    /// - Throws: `BusError` with code `invalidConfiguration` that names the part of the URL and the rule, but none of its values.
    public init(url: String) throws(BusError) {
        let parts = try RabbitURL(url)
        self.host = parts.host
        self.port = parts.port
        self.virtualHost = parts.virtualHost
        self.login = parts.login
        self.tls = parts.tls
        if let heartbeat = parts.heartbeat { self.heartbeat = .seconds(heartbeat) }
        if let timeout = parts.connectionTimeout { self.connectionTimeout = .milliseconds(timeout) }
    }
}
