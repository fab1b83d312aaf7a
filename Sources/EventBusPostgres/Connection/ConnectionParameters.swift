// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What libpq is told at connecting; see `PQconnectStartParams` (PostgreSQL 15 manual, 34.1).
struct ConnectionParameters: Sendable {
    private let configuration: PostgresConfiguration
    private let settings: [(name: String, value: String)]

    /// The session's settings come before those of the URL's `options`, so the URL's win.
    init(_ configuration: PostgresConfiguration, settings: [(name: String, value: String)]) {
        self.configuration = configuration
        self.settings = settings
    }

    /// With the host's numeric addresses added.
    ///
    /// Blocks.
    func resolved() throws(PostgresError) -> [(String, String)] {
        let host = self.configuration.host
        guard !host.hasPrefix("/") else { return self.keywords(addresses: []) }
        return self.keywords(addresses: try HostLookup.addresses(of: host))
    }

    /// libpq tries the addresses in turn.
    ///
    /// The name goes along with each, since the certificate is checked against it.
    func keywords(addresses: [String]) -> [(String, String)] {
        let configuration = self.configuration
        var keywords = [
            "port": String(configuration.port),
            "user": configuration.user,
            "dbname": configuration.database,
            "client_encoding": "UTF8",
            "gssencmode": "disable",
            "application_name": "swift-event-bus",
            // A dead peer is noticed in about 30 s at most, even when nothing is asked of it.
            "keepalives_idle": "15",
            "keepalives_interval": "5",
            "keepalives_count": "3",
            "tcp_user_timeout": "20000",
        ]
        keywords["password"] = configuration.password
        keywords.merge(configuration.parameters) { $1 }
        if addresses.isEmpty {
            keywords["host"] = configuration.host
        } else {
            keywords["hostaddr"] = addresses.joined(separator: ",")
            keywords["host"] = addresses.map { _ in configuration.host }.joined(separator: ",")
        }
        let options = self.settings.map { "-c \($0.name)=\(Self.escaped($0.value))" }
        keywords["options"] = (options + [configuration.parameters["options"] ?? ""])
            .joined(separator: " ")
        return keywords.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Blanks and backslashes separate and escape in `options`.
    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for character in value {
            if character == " " || character == "\\" { escaped.append("\\") }
            escaped.append(character)
        }
        return escaped
    }
}
