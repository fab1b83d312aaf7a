// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension PostgresConfiguration {
    /// The query keys that are passed on to libpq (PostgreSQL 15 manual, 34.1.2); `connect_timeout` is used here.
    static let knownParameters: Set<String> = [
        "application_name", "channel_binding", "connect_timeout", "keepalives", "keepalives_count", "keepalives_idle",
        "keepalives_interval", "options", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcrl",
        "sslkey", "sslmode", "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout",
    ]

    private static let sslModes: Set<String> = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

    /// Reads `postgres://user:password@host:port/database?key=value`.
    ///
    /// User, password, database and values may be percent-encoded. The port defaults to 5432. For a Unix socket leave
    /// the host empty and give its directory: `postgres://user@/database?host=/run/postgresql`. Over a network that isn't
    /// trusted, add `sslmode=verify-full&sslrootcert=…`: libpq's default, `prefer`, checks nothing.
    public init(url: String) throws(PostgresConfigurationError) {
        guard let schemeEnd = url.firstRange(of: "://"),
            ["postgres", "postgresql"].contains(url[..<schemeEnd.lowerBound].lowercased())
        else { throw PostgresConfigurationError(.unsupportedScheme, part: "scheme") }
        var rest = url[schemeEnd.upperBound...]
        guard !rest.contains("#") else { throw PostgresConfigurationError(.invalidPart, part: "fragment") }

        var query: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        guard let slash = rest.firstIndex(of: "/") else {
            throw PostgresConfigurationError(.missingPart, part: "database")
        }
        let authority = rest[..<slash]
        let database = try Self.decode(rest[rest.index(after: slash)...], part: "database")
        guard !database.isEmpty else { throw PostgresConfigurationError(.missingPart, part: "database") }

        guard let at = authority.lastIndex(of: "@") else {
            throw PostgresConfigurationError(.missingPart, part: "user")
        }
        let (user, password) = try Self.credentials(authority[..<at])
        var (host, port) = try Self.address(authority[authority.index(after: at)...])
        var parameters = try Self.parameters(query)
        if let directory = parameters.removeValue(forKey: "host") {
            guard host.isEmpty, directory.hasPrefix("/") else {
                throw PostgresConfigurationError(.invalidPart, part: "host")
            }
            host = directory
        }
        guard !host.isEmpty else { throw PostgresConfigurationError(.missingPart, part: "host") }
        let connectTimeout = try Self.connectTimeout(parameters.removeValue(forKey: "connect_timeout"))
        self.init(
            host: host,
            port: port ?? 5432,
            user: user,
            password: password,
            database: database,
            parameters: parameters
        )
        if let connectTimeout { self.connectTimeout = connectTimeout }
    }

    private static func credentials(_ text: Substring) throws(PostgresConfigurationError) -> (String, String?) {
        let colon = text.firstIndex(of: ":")
        let user = try Self.decode(text[..<(colon ?? text.endIndex)], part: "user")
        guard !user.isEmpty else { throw PostgresConfigurationError(.missingPart, part: "user") }
        guard let colon else { return (user, nil) }
        return (user, try Self.decode(text[text.index(after: colon)...], part: "password"))
    }

    private static func address(_ text: Substring) throws(PostgresConfigurationError) -> (String, Int?) {
        guard !text.contains(",") else { throw PostgresConfigurationError(.invalidPart, part: "host") }
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else {
                throw PostgresConfigurationError(.invalidPart, part: "host")
            }
            host = text[text.index(after: text.startIndex)..<end]
            let tail = text[text.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else {
                throw PostgresConfigurationError(.invalidPart, part: "host")
            }
            port = tail.isEmpty ? nil : tail.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        let decoded = try Self.decode(host, part: "host")
        guard let port else { return (decoded, nil) }
        guard let number = Int(port), (1...65535).contains(number) else {
            throw PostgresConfigurationError(.invalidPart, part: "port")
        }
        return (decoded, number)
    }

    private static func parameters(_ query: Substring) throws(PostgresConfigurationError) -> [String: String] {
        var parameters: [String: String] = [:]
        for pair in query.split(separator: "&") {
            guard let equals = pair.firstIndex(of: "=") else {
                throw PostgresConfigurationError(.invalidPart, part: "query")
            }
            let key = try Self.decode(pair[..<equals], part: "query")
            guard Self.knownParameters.contains(key) || key == "host" else {
                throw PostgresConfigurationError(.unknownParameter, part: key)
            }
            let value = try Self.decode(pair[pair.index(after: equals)...], part: key)
            guard parameters.updateValue(value, forKey: key) == nil else {
                throw PostgresConfigurationError(.repeatedParameter, part: key)
            }
        }
        if let mode = parameters["sslmode"], !Self.sslModes.contains(mode) {
            throw PostgresConfigurationError(.invalidPart, part: "sslmode")
        }
        return parameters
    }

    private static func connectTimeout(_ text: String?) throws(PostgresConfigurationError) -> Duration? {
        guard let text else { return nil }
        guard let seconds = Int(text), (1...3600).contains(seconds) else {
            throw PostgresConfigurationError(.invalidPart, part: "connect_timeout")
        }
        return .seconds(seconds)
    }

    /// Percent-decodes one part; NUL is refused, since C would end the text there.
    private static func decode(_ text: Substring, part: String) throws(PostgresConfigurationError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.hexDigit), let low = rest.popFirst().flatMap(Self.hexDigit)
            else { throw PostgresConfigurationError(.invalidPart, part: part) }
            bytes.append(high << 4 | low)
        }
        guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
            throw PostgresConfigurationError(.invalidPart, part: part)
        }
        return decoded
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
