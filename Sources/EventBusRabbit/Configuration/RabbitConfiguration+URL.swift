// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

extension RabbitConfiguration {
    /// Reads a URL such as `amqps://user:password@host:5671/vhost?heartbeat=15`.
    ///
    /// The nodes of a cluster are separated by commas: `amqp://user:password@node-1:5672,node-2:5672,node-3:5672/vhost`. User and
    /// password are written once. With TLS the certificate of each node must have the node's name, or all of them that of
    /// `server_name_indication`.
    ///
    /// The scheme is `amqp` (port 5672) or `amqps` (port 5671). User, password, virtual host and parameter values are
    /// percent-encoded; an IPv6 address is written in brackets. By default, user and password are `guest` and the virtual host is
    /// `/`. The query parameters are those of RabbitMQ's own clients: `heartbeat` in seconds, `connection_timeout` in milliseconds,
    /// `cacertfile`, `certfile`, `keyfile`, `server_name_indication`, `auth_mechanism` (`plain` or `external`) and `verify` (only
    /// `verify_peer`).
    ///
    /// `certfile` and `keyfile` are for a broker that demands a certificate of its clients. They name PEM files; the key is not
    /// encrypted. See ``checkFiles()``.
    ///
    /// - Throws: `BusError` with code `invalidConfiguration` that names the part of the URL and the rule, but none of its values.
    public init(url: String) throws(BusError) {
        let parts = try RabbitURL(url)
        self.hosts = parts.hosts
        self.virtualHost = parts.virtualHost
        self.login = parts.login
        self.tls = parts.tls
        // With several hosts there is another one to go to as soon as one is known to be silent.
        self.heartbeat = .seconds(parts.heartbeat ?? (parts.hosts.count > 1 ? 5 : 15))
        if let timeout = parts.connectionTimeout { self.connectionTimeout = .milliseconds(timeout) }
    }
}
