// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension PostgresConfiguration {
    /// A server to connect to.
    public struct Host: Sendable, Hashable, CustomStringConvertible {
        /// A host name, an IP address, or the absolute path of a directory with a Unix socket.
        public let name: String
        /// The TCP port, or the number in the name of the Unix socket.
        public let port: Int

        var isSocketDirectory: Bool { self.name.hasPrefix("/") }

        /// Whether nothing leaves this machine: a socket, `localhost` (RFC 6761 §6.3) or an address of the loopback interface
        /// (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
        var isThisMachine: Bool {
            if self.isSocketDirectory || self.name == "::1" || self.name.lowercased() == "localhost" { return true }
            let parts = self.name.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
        }

        /// Name and port, with an IPv6 address in brackets.
        public var description: String {
            self.name.contains(":") ? "[\(self.name)]:\(self.port)" : "\(self.name):\(self.port)"
        }
    }

    /// What kind of server a session needs: `target_session_attrs`, with libpq's names (PostgreSQL 15 manual, 34.1.2).
    ///
    /// Hosts that are of another kind are passed over.
    public enum TargetSession: String, Sendable, Hashable, CaseIterable {
        /// Any server; the default with one host.
        case any
        /// One that accepts writes; the default with several hosts.
        ///
        /// A session whose server becomes read-only is closed, so that the next one finds the server that has taken over.
        case readWrite = "read-write"
        /// One that accepts no writes.
        case readOnly = "read-only"
        /// One that is no standby.
        ///
        /// A session whose server becomes read-only is closed.
        case primary
        /// A standby.
        case standby
        /// A standby, or any server if there is none.
        case preferStandby = "prefer-standby"
    }

    /// The hosts of a URL, which are separated by commas.
    static func hosts(_ text: Substring) throws(PostgresConfigurationError) -> [Host] {
        var hosts: [Host] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let (name, port) = try Self.address(part)
            guard !name.isEmpty else { throw .missing("host") }
            hosts.append(Host(name: name, port: port ?? 5432))
        }
        return hosts
    }

    /// A name and a port, either of which may be missing.
    static func address(_ text: Substring) throws(PostgresConfigurationError) -> (String, Int?) {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw .invalid("host", "] is missing") }
            host = text[text.index(after: text.startIndex)..<end]
            let tail = text[text.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else {
                throw .invalid("host", "only a port may follow an address in brackets")
            }
            port = tail.isEmpty ? nil : tail.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        let decoded = try Self.decode(host, part: "host")
        guard !decoded.contains(",") else { throw .invalid("host", "must not contain a comma") }
        guard let port else { return (decoded, nil) }
        guard let number = Int(port), (1...65535).contains(number) else {
            throw .invalid("port", "must be a number from 1 to 65535")
        }
        return (decoded, number)
    }

    static func targetSession(_ text: String?, hosts: Int) throws(PostgresConfigurationError) -> TargetSession {
        guard let text else { return hosts > 1 ? .readWrite : .any }
        guard let session = TargetSession(rawValue: text) else {
            let known = TargetSession.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid("target_session_attrs", "must be one of \(known)")
        }
        return session
    }
}
