// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The parts of an AMQP URL (https://www.rabbitmq.com/docs/uri-spec); errors never contain a value of the URL.
struct RabbitURL {
    private(set) var hosts: [RabbitConfiguration.Host] = []
    private(set) var virtualHost = "/"
    private(set) var login = RabbitConfiguration.Login.password(user: "guest", password: "guest")
    private(set) var tls: RabbitConfiguration.TLS?
    private(set) var heartbeat: Int?
    private(set) var connectionTimeout: Int?

    init(_ url: String) throws(BusError) {
        guard let separator = url.firstRange(of: "://") else {
            throw RabbitURL.problem("has no scheme: amqp:// or amqps://")
        }
        switch url[..<separator.lowerBound].lowercased() {
        case "amqp": break
        case "amqps": self.tls = RabbitConfiguration.TLS()
        default: throw RabbitURL.problem("has a scheme that is neither amqp nor amqps")
        }
        var rest = url[separator.upperBound...]
        guard !rest.contains("#") else { throw RabbitURL.problem("has a fragment; '#' must be written as %23") }
        var query: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        if let slash = rest.firstIndex(of: "/") {
            try self.readVirtualHost(rest[rest.index(after: slash)...])
            rest = rest[..<slash]
        }
        if let at = rest.lastIndex(of: "@") {
            try self.readUser(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        try self.readHosts(rest)
        try self.readQuery(query)
    }

    private mutating func readVirtualHost(_ text: Substring) throws(BusError) {
        guard !text.isEmpty else { return }
        guard !text.contains("@") else {
            // The text before it was meant as a password, but would be logged as the host.
            throw RabbitURL.problem("has '@' after a '/'; in a password '/' must be written as %2F")
        }
        guard !text.contains("/") else {
            throw RabbitURL.problem("has a virtual host with '/', which must be written as %2F")
        }
        self.virtualHost = try RabbitURL.decode(text, "virtual host")
        guard self.virtualHost.utf8.count <= 255 else {
            throw RabbitURL.problem("has a virtual host of more than 255 bytes")
        }
    }

    private mutating func readUser(_ text: Substring) throws(BusError) {
        guard !text.contains("@") || !text.contains(",") else {
            // It would be taken for a password that is connected to the last host only.
            throw RabbitURL.problem(
                "has '@' and ',' before its last '@': user and password are written once, and in them '@' as %40"
            )
        }
        let colon = text.firstIndex(of: ":")
        let user = try RabbitURL.decode(text[..<(colon ?? text.endIndex)], "user")
        let password = try colon.map { (colon) throws(BusError) in
            try RabbitURL.decode(text[text.index(after: colon)...], "password")
        }
        guard !user.isEmpty else { throw RabbitURL.problem("has an empty user") }
        // RFC 4616 separates the fields with NUL.
        guard !user.utf8.contains(0), password?.utf8.contains(0) != true else {
            throw RabbitURL.problem("has a NUL character in user or password")
        }
        guard user.utf8.count + (password?.utf8.count ?? 0) < 2048 else {
            throw RabbitURL.problem("has user and password of 2,048 bytes or more")
        }
        self.login = .password(user: user, password: password ?? "")
    }

    private mutating func readHosts(_ text: Substring) throws(BusError) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        var places: [RabbitConfiguration.Host: Int] = [:]
        for (place, part) in parts.enumerated() {
            let (name, port) = try RabbitURL.address(part)
            guard !name.isEmpty || parts.count == 1 else {
                throw RabbitURL.problem("names \(parts.count) hosts, of which number \(place + 1) is empty")
            }
            let host = RabbitConfiguration.Host(
                name: name.isEmpty ? "localhost" : name,
                port: port ?? (self.tls == nil ? 5672 : 5671)
            )
            // Names are equal whatever their case (RFC 4343).
            let key = RabbitConfiguration.Host(name: host.name.lowercased(), port: host.port)
            if let first = places.updateValue(place, forKey: key) {
                throw RabbitURL.problem("names a host twice, as number \(first + 1) and number \(place + 1)")
            }
            self.hosts.append(host)
        }
    }

    /// A name, which may be empty, and a port.
    private static func address(_ text: Substring) throws(BusError) -> (String, Int?) {
        var name = ""
        var portText: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw RabbitURL.problem("has '[' without ']'") }
            name = String(text[text.index(after: text.startIndex)..<end])
            let after = text[text.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw RabbitURL.problem("has text after ']'") }
            guard name.contains(":") else {
                throw RabbitURL.problem("has something other than an IPv6 address in brackets")
            }
            portText = after.isEmpty ? nil : after.dropFirst()
        } else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2 else {
                throw RabbitURL.problem("has an IPv6 address without brackets, or two ports")
            }
            name = try RabbitURL.decode(parts.first ?? "", "host")
            portText = parts.count == 2 ? parts[1] : nil
        }
        guard !name.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: ",") }) else {
            throw RabbitURL.problem("has a host with white space or an encoded comma")
        }
        return (name, try portText.map { (text) throws(BusError) in try RabbitURL.number(text, "port", 1...65535) })
    }

    private mutating func readQuery(_ text: Substring) throws(BusError) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = RabbitURL.shown(parts[0], in: text)
            let value = try RabbitURL.decode(parts.count == 2 ? parts[1] : "", name)
            switch parts[0] {
            case "heartbeat": self.heartbeat = try RabbitURL.number(value[...], "heartbeat", 1...600)
            case "connection_timeout":
                self.connectionTimeout = try RabbitURL.number(value[...], "connection_timeout", 1...600_000)
            case "cacertfile": try self.changeTLS("cacertfile") { $0.authorities = value }
            case "certfile": try self.changeTLS("certfile") { $0.certificate = value }
            case "keyfile": try self.changeTLS("keyfile") { $0.key = value }
            case "server_name_indication": try self.changeTLS("server_name_indication") { $0.serverName = value }
            case "verify":
                guard value == "verify_peer" else {
                    throw RabbitURL.problem("has verify other than verify_peer; the certificate cannot go unchecked")
                }
            case "auth_mechanism":
                switch value.lowercased() {
                case "plain": break
                case "external": self.login = .certificate
                default: throw RabbitURL.problem("has an auth_mechanism that is neither plain nor external")
                }
            default:
                guard !text.contains("@") else {
                    throw RabbitURL.problem(
                        "has '@' after an unknown query parameter; in a password '?' must be written as %3F"
                    )
                }
                throw RabbitURL.problem("has an unknown \(name)")
            }
        }
        guard (self.tls?.certificate == nil) == (self.tls?.key == nil) else {
            throw RabbitURL.problem("has only one of certfile and keyfile")
        }
        guard self.login != .certificate || self.tls?.certificate != nil else {
            throw RabbitURL.problem("has auth_mechanism external without certfile and keyfile")
        }
    }

    /// Names a query parameter, unless its name may be part of a password in which '?' is not encoded.
    private static func shown(_ name: Substring, in query: Substring) -> String {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let isName = name.utf8.allSatisfy { letters.contains($0) || $0 == UInt8(ascii: "_") }
        return isName && !query.contains("@") ? "query parameter \(name)" : "query parameter"
    }

    private mutating func changeTLS(
        _ name: String,
        _ change: (inout RabbitConfiguration.TLS) -> Void
    ) throws(BusError) {
        guard var tls = self.tls else { throw RabbitURL.problem("has \(name) although the scheme is amqp") }
        change(&tls)
        self.tls = tls
    }

    private static func number(
        _ text: Substring,
        _ name: String,
        _ range: ClosedRange<Int>
    ) throws(BusError) -> Int {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(text),
            range.contains(number)
        else {
            throw RabbitURL.problem(
                "has a \(name) that is not a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    private static func decode(_ text: Substring, _ name: String) throws(BusError) -> String {
        do throws(PercentDecodingError) {
            return try String(percentEncoded: text)
        } catch {
            switch error {
            case .incompleteEscape:
                throw RabbitURL.problem("has a '%' without two hexadecimal digits in its \(name)")
            case .notUTF8:
                throw RabbitURL.problem("has a \(name) that is not UTF-8")
            }
        }
    }

    private static func problem(_ text: String) -> BusError {
        BusError(.invalidConfiguration, "RabbitMQ URL \(text)")
    }
}
