// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBusRabbit
import Testing

@testable import EventBusCommands

@Suite("The address of RabbitMQ's management")
struct ManagementAddressTests {
    @Test("Ports, paths and logins are read")
    func parts() throws {
        let plain = try ManagementAddress("http://localhost")
        #expect((plain.host, plain.port, plain.path, plain.isEncrypted) == ("localhost", 15672, "", false))
        #expect(plain.login == nil)
        #expect(plain.isLocal)
        let full = try ManagementAddress("https://us%40er:p%2Fw@broker.example:443/rabbit/")
        #expect((full.host, full.port, full.path, full.isEncrypted) == ("broker.example", 443, "/rabbit", true))
        #expect(full.login?.user == "us@er")
        #expect(full.login?.password == "p/w")
        #expect(!full.isLocal)
        #expect(full.description == "https://broker.example:443")
        #expect(try ManagementAddress("http://[::1]:1").host == "::1")
    }

    @Test(
        "An error names the rule and nothing of the URL",
        arguments: [
            "", "localhost:15672", "amqp://geheim:geheim@host", "http://", "http://geheim@host",
            "http://a:geheim@host?x",
            "http://a:geheim@host#x", "http://ge heim",
        ]
    )
    func errors(_ url: String) throws {
        let error = try #require(throws: CommandError.self) { try ManagementAddress(url) }
        #expect(error.exit == CommandExit.usage)
        #expect(!error.description.contains("geheim"))
        #expect(!error.description.contains("ge heim"))
    }

    @Test("Without a login of its own, the broker's is used; without either it is told")
    func login() throws {
        let options = try ManagementOptions.parse(["--management-url", "http://localhost:1"])
        let rabbit = try RabbitConfiguration(url: "amqp://user:pass@localhost/some%2Fhost")
        let client = try options.client(of: rabbit, environment: [:])
        // The text of RFC 7617 §2 for "user:pass".
        #expect(client?.authorization == "Basic dXNlcjpwYXNz")
        #expect(client?.virtualHost == "some/host")
        #expect(try ManagementOptions.parse([]).client(of: rabbit, environment: [:]) == nil)
        let environment = ["RABBITMQ_MANAGEMENT_URL": "http://a:b@localhost:2"]
        #expect(
            try ManagementOptions.parse([]).client(of: rabbit, environment: environment)?.authorization == "Basic YTpi"
        )
        let certificate = try RabbitConfiguration(
            url: "amqps://localhost?auth_mechanism=external&certfile=a.pem&keyfile=a.key"
        )
        #expect(throws: CommandError.self) { try options.client(of: certificate, environment: [:]) }
    }

    @Test(
        "A login or a right that is refused, and a server that cannot answer, are told by their exit code",
        arguments: [(401, 2), (403, 2), (404, 1), (400, 1), (500, 2), (503, 2)] as [(Int, Int32)]
    )
    func refusals(_ status: Int, _ code: Int32) throws {
        let options = try ManagementOptions.parse(["--management-url", "http://a:geheim@localhost:1"])
        let rabbit = try RabbitConfiguration(url: "amqp://user:pass@localhost/")
        let client = try #require(try options.client(of: rabbit, environment: [:]))
        let error = client.refusal(status, "queues/%2F?columns=name")
        #expect(error.exit.rawValue == code)
        #expect(error.description.contains("/api/queues/%2F with \(status)"))
        #expect(!error.description.contains("geheim"))
    }

    @Test("Everything but unreserved characters is escaped")
    func escaping() {
        #expect(ManagementClient.escaped("/") == "%2F")
        #expect(ManagementClient.escaped("a-b._~9") == "a-b._~9")
        #expect(ManagementClient.escaped("ä %\u{1}") == "%C3%A4%20%25%01")
    }
}
