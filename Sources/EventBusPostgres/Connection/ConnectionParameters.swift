// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The parameters for `PQconnectStartParams` (PostgreSQL 15 manual, 34.1).
struct ConnectionParameters: Sendable {
    private let configuration: PostgresConfiguration
    private let settings: [(name: String, value: String)]

    /// The settings precede those in the URL's `options`, which therefore take precedence.
    init(_ configuration: PostgresConfiguration, settings: [(name: String, value: String)]) {
        self.configuration = configuration
        self.settings = settings
    }

    /// Resolves the host name, and returns the parameters with its numeric addresses.
    ///
    /// Blocks the thread.
    func resolved() throws(PostgresError) -> [(String, String)] {
        let host = self.configuration.host
        guard !host.hasPrefix("/") else { return self.keywords(addresses: []) }
        return self.keywords(addresses: try HostLookup.addresses(of: host))
    }

    /// The parameters with numeric addresses, which libpq tries in turn.
    ///
    /// The host name is given for each address, as the server's certificate is checked against it.
    func keywords(addresses: [String]) -> [(String, String)] {
        let configuration = self.configuration
        var keywords = [
            "port": String(configuration.port),
            "user": configuration.user,
            "dbname": configuration.database,
            "client_encoding": "UTF8",
            "gssencmode": "disable",
            "application_name": "swift-event-bus",
            // A dead server is detected within about 30 s, even on an idle connection.
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

    /// In `options`, a space separates settings and a backslash escapes.
    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for character in value {
            if character == " " || character == "\\" { escaped.append("\\") }
            escaped.append(character)
        }
        return escaped
    }
}
