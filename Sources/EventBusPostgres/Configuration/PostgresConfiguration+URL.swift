// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension PostgresConfiguration {
    /// The query keys that are passed on to libpq (PostgreSQL 15 manual, 34.1.2), and `connect_timeout`.
    static let knownParameters: Set<String> = [
        "application_name", "channel_binding", "connect_timeout", "keepalives", "keepalives_count", "keepalives_idle",
        "keepalives_interval", "options", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcrl",
        "sslkey", "sslmode", "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout",
    ]

    private static let sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

    /// Creates a configuration from a URL of the form `postgres://user:password@host:port,host:port/database?key=value`.
    ///
    /// Several hosts are tried in turn, until one is of the kind that `target_session_attrs` asks for (``TargetSession``). User,
    /// password, database and values may be percent-encoded. The default port is 5432. To connect through a Unix socket, leave the
    /// host empty and name the socket's directory: `postgres://user@/database?host=/run/postgresql`.
    ///
    /// `sslmode` must be given unless every host is this machine, as libpq's own default goes on in plain text when a server, or
    /// whoever is between, refuses TLS: `verify-full` with `sslrootcert`, and `sslcert` and `sslkey` where the server demands a
    /// certificate; or `disable` in a network that is trusted.
    ///
    /// - Throws: ``PostgresConfigurationError``, which names the invalid part but not its value.
    public init(url: String) throws(PostgresConfigurationError) {
        guard let schemeEnd = url.firstRange(of: "://"),
            ["postgres", "postgresql"].contains(url[..<schemeEnd.lowerBound].lowercased())
        else { throw PostgresConfigurationError(.unsupportedScheme, part: "scheme") }
        var rest = url[schemeEnd.upperBound...]
        guard !rest.contains("#") else { throw .invalid("fragment", "is not allowed") }

        var query: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        guard let slash = rest.firstIndex(of: "/") else { throw .missing("database") }
        let authority = rest[..<slash]
        let database = try Self.decode(rest[rest.index(after: slash)...], part: "database")
        guard !database.isEmpty else { throw .missing("database") }

        guard let at = authority.lastIndex(of: "@") else { throw .missing("user") }
        let (user, password) = try Self.credentials(authority[..<at])
        let place = authority[authority.index(after: at)...]
        var parameters = try Self.parameters(query)
        let hosts: [Host]
        if let directory = parameters.removeValue(forKey: "host") {
            let (name, port) = try Self.address(place)
            guard name.isEmpty, directory.hasPrefix("/") else {
                throw .invalid("host", "the parameter must be a directory, and the host before the path must be empty")
            }
            hosts = [Host(name: directory, port: port ?? 5432)]
        } else {
            hosts = try Self.hosts(place)
        }
        let session = try Self.targetSession(parameters.removeValue(forKey: "target_session_attrs"), hosts: hosts.count)
        let connectTimeout = try Self.connectTimeout(parameters.removeValue(forKey: "connect_timeout"))
        guard parameters["sslmode"] != nil || hosts.allSatisfy(\.isThisMachine) else {
            let rule =
                "a host is not this machine: say verify-full with sslrootcert, or disable in a network that is trusted"
            throw PostgresConfigurationError(.missingPart, part: "sslmode", rule: rule)
        }
        self.init(
            hosts: hosts,
            user: user,
            database: database,
            targetSession: session,
            password: password,
            parameters: parameters
        )
        if let connectTimeout { self.connectTimeout = connectTimeout }
    }

    private static func credentials(_ text: Substring) throws(PostgresConfigurationError) -> (String, String?) {
        let colon = text.firstIndex(of: ":")
        let user = try Self.decode(text[..<(colon ?? text.endIndex)], part: "user")
        guard !user.isEmpty else { throw .missing("user") }
        guard let colon else { return (user, nil) }
        return (user, try Self.decode(text[text.index(after: colon)...], part: "password"))
    }

    private static func parameters(_ query: Substring) throws(PostgresConfigurationError) -> [String: String] {
        var parameters: [String: String] = [:]
        for pair in query.split(separator: "&") {
            let equals = pair.firstIndex(of: "=") ?? pair.endIndex
            let key = try Self.decode(pair[..<equals], part: "query")
            guard Self.knownParameters.contains(key) || key == "host" else {
                // Anything but a plain name may be part of a value that should have been encoded, even of a password.
                let isName = equals != pair.endIndex && SQLIdentifier.problem(of: key) == nil
                throw PostgresConfigurationError(.unknownParameter, part: isName ? key : "query")
            }
            guard equals != pair.endIndex else { throw .invalid(key, "has no value") }
            let value = try Self.decode(pair[pair.index(after: equals)...], part: key)
            guard parameters.updateValue(value, forKey: key) == nil else {
                throw PostgresConfigurationError(.repeatedParameter, part: key)
            }
        }
        if let mode = parameters["sslmode"], !Self.sslModes.contains(mode) {
            throw .invalid("sslmode", "must be one of \(Self.sslModes.joined(separator: ", "))")
        }
        return parameters
    }

    private static func connectTimeout(_ text: String?) throws(PostgresConfigurationError) -> Duration? {
        guard let text else { return nil }
        guard let seconds = Int(text), (1...3600).contains(seconds) else {
            throw .invalid("connect_timeout", "must be a number of seconds from 1 to 3600")
        }
        return .seconds(seconds)
    }

    /// Percent-decodes a part.
    ///
    /// NUL is rejected, as it would end the text in C.
    static func decode(_ text: Substring, part: String) throws(PostgresConfigurationError) -> String {
        guard let decoded = try? String(percentEncoded: text) else {
            throw .invalid(part, "must be percent-encoded UTF-8")
        }
        guard !decoded.utf8.contains(0) else { throw .invalid(part, "must not contain NUL") }
        return decoded
    }
}

extension PostgresConfigurationError {
    static func missing(_ part: String) -> Self { Self(.missingPart, part: part) }
    static func invalid(_ part: String, _ rule: String) -> Self {
        Self(.invalidPart, part: part, rule: rule)
    }
}
