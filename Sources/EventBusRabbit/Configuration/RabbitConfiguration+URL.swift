// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

extension RabbitConfiguration {
    /// Reads an URL such as `amqps://user:password@host:5671/vhost?heartbeat=15`.
    ///
    /// The scheme is `amqp` (port 5672) or `amqps` (port 5671); user, password, virtual host and values are percent-encoded; an
    /// IPv6 address stands in brackets. Without a user it is `guest`, without a virtual host it is `/`. Query parameters, as in
    /// RabbitMQ's own clients: `heartbeat` in seconds, `connection_timeout` in milliseconds, `cacertfile`, `certfile`, `keyfile`,
    /// `server_name_indication`, `auth_mechanism` (`plain` or `external`), `verify` (only `verify_peer`).
    ///
    /// - Throws: ``EventBus/BusError`` with code `invalidConfiguration` that says what is wrong, without the URL's values.
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
