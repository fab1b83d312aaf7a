// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
package import NIOSSL

/// What RabbitMQ's management needs of a configuration: it is at another address of the same broker.
extension RabbitConfiguration {
    /// User and password; `nil` if a certificate is used instead.
    package var userAndPassword: (user: String, password: String)? {
        guard case .password(let user, let password) = self.login else { return nil }
        return (user, password)
    }

    /// Whether connections are encrypted.
    package var isEncrypted: Bool { self.tls != nil }

    /// How the certificate of an HTTPS server is verified: as that of the broker, or with the authorities of the system.
    ///
    /// - Throws: `BusError` with code `unavailable` when a file cannot be read.
    package func managementTLS() throws -> NIOSSLContext {
        do {
            return try RabbitConnection.context(self.tls ?? TLS())
        } catch {
            throw error.busError(.unavailable)
        }
    }
}
