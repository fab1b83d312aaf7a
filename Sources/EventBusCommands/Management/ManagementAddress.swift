// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The parts of the management's URL; errors contain none of them.
struct ManagementAddress: Sendable {
    let isEncrypted: Bool
    let host: String
    let port: Int
    /// Before `/api`; without a slash at the end.
    let path: String
    let login: (user: String, password: String)?

    /// - Throws: ``CommandError`` that names the rule.
    init(_ url: String) throws(CommandError) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(), let host = parts.host,
            ["http", "https"].contains(scheme), !host.isEmpty
        else { throw Self.problem("must be of the form http://host:15672 or https://host:15671") }
        guard parts.query == nil, parts.fragment == nil else { throw Self.problem("must have neither '?' nor '#'") }
        guard (parts.user == nil) == (parts.password == nil) else {
            throw Self.problem("has a user without a password")
        }
        self.isEncrypted = scheme == "https"
        // URLComponents keeps the brackets of an IPv6 address.
        self.host = String(host.drop { $0 == "[" }.prefix { $0 != "]" })
        self.port = parts.port ?? (self.isEncrypted ? 15671 : 15672)
        self.path = String(parts.path.reversed().drop { $0 == "/" }.reversed())
        self.login = parts.user.flatMap { user in parts.password.map { (user, $0) } }
    }

    /// Whether what is sent stays on this machine.
    var isLocal: Bool { ["localhost", "127.0.0.1", "::1"].contains(self.host.lowercased()) }

    /// For people: without the login.
    var description: String {
        "\(self.isEncrypted ? "https" : "http")://\(self.host.contains(":") ? "[\(self.host)]" : self.host):\(self.port)"
    }

    private static func problem(_ text: String) -> CommandError {
        CommandError(CommandExit.usage, "the URL of the management \(text)")
    }
}
