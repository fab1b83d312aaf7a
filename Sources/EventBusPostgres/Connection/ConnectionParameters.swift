// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a session is opened with: the parameters for `PQconnectStartParams` (PostgreSQL 15 manual, 34.1), and the statement that makes
/// its settings.
struct ConnectionParameters: Sendable {
    private let configuration: PostgresConfiguration
    private let settings: [(name: String, value: String)]

    /// Settings in the URL's `options` take precedence over these.
    init(_ configuration: PostgresConfiguration, settings: [(name: String, value: String)]) {
        self.configuration = configuration
        self.settings = settings
    }

    func attempts(deadline: ContinuousClock.Instant) -> ConnectionAttempts {
        ConnectionAttempts(
            hosts: self.configuration.hosts,
            session: self.configuration.targetSession,
            deadline: deadline
        )
    }

    /// Whether a session is of no use once its server has become read-only.
    var mustBeWritable: Bool { [.readWrite, .primary].contains(self.configuration.targetSession) }

    /// The parameters for one address.
    ///
    /// The host name is given too, as the server's certificate is checked against it.
    func keywords(for target: ConnectionTarget) -> [(String, String)] {
        let configuration = self.configuration
        var keywords = [
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
        keywords["host"] = target.host.name
        keywords["hostaddr"] = target.address
        keywords["port"] = String(target.host.port)
        keywords["target_session_attrs"] = target.session.rawValue
        return keywords.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The statement that makes the settings, and returns the number of the server's process.
    var setUp: String {
        let names = self.settings.map { Self.quoted($0.name) }.joined(separator: ", ")
        let values = self.settings.map { Self.quoted($0.value) }.joined(separator: ", ")
        return """
            SELECT pg_backend_pid(), count(set_config(name, value, false)) \
            FROM unnest(ARRAY[\(names)]::text[], ARRAY[\(values)]::text[]) AS s(name, value) \
            WHERE name NOT IN (SELECT name FROM pg_catalog.pg_settings WHERE source = 'client')
            """
    }

    private static func quoted(_ text: String) -> String {
        "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
    }
}
