// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Where the broker is and how to talk to it.
public struct RabbitConfiguration: Sendable {
    /// How this program authenticates.
    enum Login: Sendable, Hashable {
        /// SASL PLAIN (RFC 4616).
        case password(user: String, password: String)
        /// SASL EXTERNAL with the TLS client certificate; needs `rabbitmq_auth_mechanism_ssl` on the broker.
        case certificate
    }

    /// The broker, or the nodes of a cluster: at least one, none of them twice.
    ///
    /// Every connection tries them in a new random order, those last that have failed within 30 s.
    public let hosts: [Host]
    /// The virtual host.
    public let virtualHost: String
    let login: Login
    let tls: TLS?

    /// How often each side shows that it is alive: 1 to 600 s, in whole seconds; by default 15 s, or 5 s with several hosts.
    ///
    /// A broker that is frozen or cut off is given up after at most 2.5 times that.
    public var heartbeat: Duration = .seconds(15) {
        didSet {
            let (seconds, rest) = self.heartbeat.components
            let isAllowed = (1...600).contains(seconds) && rest == 0
            require(isAllowed, "heartbeat is \(self.heartbeat), must be a whole number of seconds from 1 to 600")
        }
    }
    /// How long connecting may take, including name resolution, TLS and login: 1 ms to 600 s; 10 s by default.
    ///
    /// Each host has an equal share of it, and each address of a host. What fails early leaves its time to the others.
    public var connectionTimeout: Duration = .seconds(10) {
        didSet {
            let isAllowed = (.milliseconds(1) ... .seconds(600)).contains(self.connectionTimeout)
            require(isAllowed, "connectionTimeout is \(self.connectionTimeout), must be from 1 ms to 600 s")
        }
    }
    /// How long the broker may take to confirm a message whose last byte has left: 1 ms to 1 h; 30 s by default.
    ///
    /// After that the outcome is `PublishOutcome.unknown` and the channel is replaced, since RabbitMQ can lose confirms.
    public var confirmTimeout: Duration = .seconds(30) {
        didSet {
            let isAllowed = (.milliseconds(1) ... .seconds(3600)).contains(self.confirmTimeout)
            require(isAllowed, "confirmTimeout is \(self.confirmTimeout), must be from 1 ms to 1 h")
        }
    }
    /// The beginning of the names that the broker's management shows for the connections: at most 255 bytes.
    public var connectionName = "swift-event-bus" {
        didSet {
            let count = self.connectionName.utf8.count
            require(count <= 255, "connectionName has \(count) bytes, must have at most 255")
        }
    }
    /// Whether the publishing connection declares the exchange of events when it is missing.
    ///
    /// An operator's tool that says it changes nothing must not.
    package var declaresExchange = true
    /// After how many seconds an open consumer repeats its bindings.
    var repairInterval = 30.0...60.0
    /// How long a retry queue that was just created has to exist before it holds the only copy of a message.
    @_spi(Verification) public var queueSettling = Duration.seconds(5)
}

extension RabbitConfiguration: CustomStringConvertible, CustomReflectable {
    /// The address without user and password.
    public var description: String {
        let scheme = self.tls == nil ? "amqp" : "amqps"
        let hosts = self.hosts.map(\.description).joined(separator: ",")
        return "\(scheme)://\(hosts)/\(self.virtualHost == "/" ? "" : self.virtualHost)"
    }

    /// Shows only the address, so that `dump` cannot show the password.
    public var customMirror: Mirror { Mirror(self, children: ["address": self.description]) }
}
