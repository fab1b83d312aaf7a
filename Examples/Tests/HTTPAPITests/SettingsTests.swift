// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Configuration
import EventBusUsers
import HTTPAPI
import Logging
import Testing

@Suite("Settings")
struct SettingsTests {
    struct Malformed: Error, CustomStringConvertible {
        let description = "no host"
    }

    static func settings(_ variables: [String: String]) -> Settings {
        Settings(ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables)))
    }

    static func configuration(_ variables: [String: String]) throws -> ServerConfiguration {
        try ServerConfiguration(self.settings(variables), defaultPort: 8000)
    }

    @Test("without variables there are defaults")
    func defaults() throws {
        let configuration = try Self.configuration([:])
        #expect(configuration == ServerConfiguration(host: "127.0.0.1", port: 8000, logLevel: .info))
    }

    @Test("variables are read")
    func values() throws {
        let configuration = try Self.configuration(["HTTP_HOST": "::1", "HTTP_PORT": "65535", "LOG_LEVEL": "debug"])
        #expect(configuration == ServerConfiguration(host: "::1", port: 65535, logLevel: .debug))
    }

    @Test("a client has at most half of all connections, unless it is said", arguments: [(1, 1), (2, 1), (901, 451)])
    func connectionsPerClient(_ all: Int, _ half: Int) throws {
        let (name, variable) = ("HTTP_MAXIMUM_CONNECTIONS", "HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT")
        #expect(try Self.configuration([name: "\(all)"]).maximumConnectionsPerClient == half)
        #expect(try Self.configuration([name: "\(all)", variable: "7"]).maximumConnectionsPerClient == 7)
        let behindProxy = try Self.configuration([name: "\(all)", "TRUSTED_PROXY_HEADER": "X-Forwarded-For"])
        #expect(behindProxy.maximumConnectionsPerClient == all)
    }

    @Test(
        "an empty or malformed value is refused by the name of its variable",
        arguments: [
            ("HTTP_HOST", ["", " ", "not a host", "http://localhost", String(repeating: "a", count: 300)]),
            ("HTTP_PORT", ["", "0", "65536", "-1", "+80", "80.0", "http", "８０", "99999999999999999999"]),
            ("HTTP_MAXIMUM_CONNECTIONS", ["", "0", "-1", "1000001", "many"]),
            ("HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT", ["", "0", "-1", "1000001", "half"]),
            ("LOG_LEVEL", ["", "loud", "1", "info "]),
        ]
    )
    func malformed(_ variable: String, _ values: [String]) throws {
        for value in values {
            let error = #expect(throws: ConfigurationError.self) { try Self.configuration([variable: value]) }
            #expect(error?.variable == variable)
            #expect(error?.description.hasPrefix(variable) == true)
            #expect(error?.description.contains("\n") == false)
        }
    }

    @Test("the cost of hashing is a number from 10 to 20", arguments: ["", "9", "21", "fifteen", "15 "])
    func cost(_ value: String) throws {
        let settings = Self.settings(["SCRYPT_COST": value])
        let error = #expect(throws: ConfigurationError.self) {
            try ScryptHasher(settings, logger: Logger(label: "test"))
        }
        #expect(error?.variable == "SCRYPT_COST")
    }

    @Test("the time that a password waits to be hashed is 1 to 60 seconds", arguments: ["", "0", "61", "3s", "1.5"])
    func hashingWait(_ value: String) throws {
        let settings = Self.settings(["SCRYPT_MAXIMUM_WAIT": value])
        let error = #expect(throws: ConfigurationError.self) {
            try ScryptHasher(settings, logger: Logger(label: "test"))
        }
        #expect(error?.variable == "SCRYPT_MAXIMUM_WAIT")
    }

    @Test(
        "settings of tokens are refused by the name of their variable",
        arguments: [
            ("AUTH_TOKEN_SECONDS", ["", "59", "86401", "15m"]), ("AUTH_ISSUER", ["", "a b", #"a"b"#, "ä"]),
            ("AUTH_AUDIENCE", ["", "\n", String(repeating: "a", count: 256)]),
        ]
    )
    func tokens(_ variable: String, _ values: [String]) throws {
        for value in values {
            let settings = Self.settings([variable: value])
            let error = #expect(throws: ConfigurationError.self) { try TokenIssuer(settings) }
            #expect(error?.variable == variable)
        }
    }

    @Test(
        "a missing, empty or malformed secret is refused and never shown",
        arguments: [[:], ["RABBITMQ_URL": ""], ["RABBITMQ_URL": "  "], ["RABBITMQ_URL": "amqp://eve:hunter2@"]]
    )
    func secret(_ variables: [String: String]) throws {
        let settings = Self.settings(variables)
        let error = #expect(throws: ConfigurationError.self) {
            try settings.secret("RABBITMQ_URL", like: "amqp://…") { _ in throw Malformed() }
        }
        let text = try #require(error?.description)
        #expect(text.hasPrefix("RABBITMQ_URL "))
        #expect(!text.contains("hunter2"))
        if variables["RABBITMQ_URL"]?.contains("eve") == true { #expect(text.contains("no host")) }
    }

    @Test("a secret that can be used is what was made of it")
    func usableSecret() throws {
        let settings = Self.settings(["DATABASE_URL": "postgres://…"])
        #expect(try settings.secret("DATABASE_URL", like: "") { $0.count } == 12)
    }
}
