// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("RabbitMQ URLs")
struct RabbitURLTests {
    @Test(
        "Host, port and virtual host are read",
        arguments: [
            ("amqp://localhost", "localhost", 5672, "/"),
            ("amqp://", "localhost", 5672, "/"),
            ("AMQP://host:1", "host", 1, "/"),
            ("amqps://host", "host", 5671, "/"),
            ("amqp://host/", "host", 5672, "/"),
            ("amqp://host/%2F", "host", 5672, "/"),
            ("amqp://host/%2fa%20b", "host", 5672, "/a b"),
            ("amqp://host/caf%C3%A9", "host", 5672, "café"),
            ("amqp://u:p@[::1]:7/v", "::1", 7, "v"),
            ("amqp://u:p%40@host/v", "host", 5672, "v"),
            ("amqp://u:p@ss@host", "host", 5672, "/"),
            ("amqp://:9", "localhost", 9, "/"),
        ]
    )
    func parts(_ url: String, _ host: String, _ port: Int, _ virtualHost: String) throws {
        let configuration = try RabbitConfiguration(url: url)
        #expect(configuration.hosts == [.init(name: host, port: port)])
        #expect(configuration.virtualHost == virtualHost)
    }

    @Test(
        "The nodes of a cluster are separated by commas",
        arguments: [
            ("amqp://u:p@a:1,b:2/v", "a:1,b:2"),
            ("amqp://a,b,c", "a:5672,b:5672,c:5672"),
            ("amqps://a,b:7", "a:5671,b:7"),
            ("amqp://[::1],[::2]:7,c:8/v?heartbeat=5", "[::1]:5672,[::2]:7,c:8"),
            ("amqp://a,a:5673", "a:5672,a:5673"),
            ("amqp://u:p,q@a,b", "a:5672,b:5672"),
            ("amqp://u:p%40q%2Cr@a,b", "a:5672,b:5672"),
        ]
    )
    func cluster(_ url: String, _ hosts: String) throws {
        let configuration = try RabbitConfiguration(url: url)
        #expect(configuration.hosts.map(\.description).joined(separator: ",") == hosts)
        #expect("\(configuration)".contains("://\(hosts)/"))
    }

    @Test(
        "User and password are decoded",
        arguments: [
            ("amqp://host", "guest", "guest"),
            ("amqp://user@host", "user", ""),
            ("amqp://user:@host", "user", ""),
            ("amqp://us%3Aer:pass%2Fword%40@host", "us:er", "pass/word@"),
            ("amqp://user:a:b@host", "user", "a:b"),
        ]
    )
    func credentials(_ url: String, _ user: String, _ password: String) throws {
        #expect(try RabbitConfiguration(url: url).login == .password(user: user, password: password))
    }

    @Test(
        "A silent node is given up sooner where there are others",
        arguments: [("amqp://a", 15), ("amqp://a,b", 5), ("amqp://a?heartbeat=7", 7), ("amqp://a,b?heartbeat=60", 60)]
    )
    func heartbeat(_ url: String, _ seconds: Int) throws {
        #expect(try RabbitConfiguration(url: url).heartbeat == .seconds(seconds))
    }

    @Test("Query parameters are read")
    func query() throws {
        let url = "amqps://host?heartbeat=20&connection_timeout=1500&cacertfile=/ca%20x.pem&certfile=c&keyfile=k"
        let configuration = try RabbitConfiguration(
            url: url + "&server_name_indication=name&auth_mechanism=EXTERNAL&verify=verify_peer"
        )
        #expect(configuration.heartbeat == .seconds(20))
        #expect(configuration.connectionTimeout == .milliseconds(1500))
        #expect(configuration.login == .certificate)
        let tls = RabbitConfiguration.TLS(
            authorities: "/ca x.pem",
            certificate: "c",
            key: "k",
            serverName: "name"
        )
        #expect(configuration.tls == tls)
    }

    @Test(
        "An error names the mistake, but not the password",
        arguments: [
            ("", "scheme"), ("localhost:5672", "scheme"), ("http://u:geheim@host", "scheme"),
            ("amqp://u:geheim@host:0", "port"), ("amqp://u:geheim@host:65536", "port"),
            ("amqp://u:geheim@host:", "port"),
            ("amqp://u:geheim@host:+5", "port"), ("amqp://u:geheim@host:geheim", "port"),
            ("amqp://u:geheim@::1", "IPv6"), ("amqp://u:geheim@[::1", "']'"), ("amqp://u:geheim@[::1]x", "']'"),
            ("amqp://u:geheim@[host]", "brackets"), ("amqp://u:geheim@ho st", "white space"),
            ("amqp://:geheim@host", "user"), ("amqp://u:geheim%@host", "password"),
            ("amqp://u:geheim%G1@host", "password"),
            ("amqp://u:geheim%FF@host", "password"), ("amqp://u:geheim%00@host", "NUL"),
            ("amqp://u:geheim@a,geheim,A,b", "number 1 and number 3"),
            ("amqp://u:geheim@a,a:5672", "number 1 and number 2"),
            ("amqps://u:geheim@a,b:5671,b", "number 2 and number 3"), ("amqp://u:geheim@a,,b", "number 2 is empty"),
            ("amqp://u:geheim@a,", "number 2 is empty"), ("amqp://u:geheim@,", "number 1 is empty"),
            ("amqp://u:geheim@a,:5", "number 2 is empty"), ("amqp://u:geheim@a:x,b", "port"),
            ("amqp://u:geheim@a,b:", "port"), ("amqp://u:geheim@a,[::1", "']'"), ("amqp://u:geheim@a%2Cb", "comma"),
            ("amqp://u:geheim@a,u:geheim@b/v", "written once"),
            ("amqp://u:geheim@host/a/b", "%2F"), ("amqp://u:12/geheim@host", "%2F"),
            ("amqp://u:geheim@host#f", "fragment"),
            ("amqp://u:geheim@host?heartbeat=0", "heartbeat"), ("amqp://u:geheim@host?heartbeat=x", "heartbeat"),
            ("amqp://u:geheim@host?connection_timeout=-1", "connection_timeout"),
            ("amqp://u:geheim@host?cacertfile=x", "amqp"), ("amqps://u:geheim@host?certfile=x", "keyfile"),
            ("amqps://u:geheim@host?verify=verify_none", "unchecked"),
            ("amqp://u:geheim@host?foo=geheim", "unknown query parameter foo"), ("amqp://host?Geheim=1", "unknown"),
            ("amqp://u:12?geheim@host", "%3F"), ("amqp://u?geheim=b@host", "%3F"), ("amqp://host?foo=%", "foo"),
            ("amqps://u:geheim@host?auth_mechanism=external", "certfile"),
            ("amqps://u:geheim@host?auth_mechanism=geheim", "auth_mechanism"),
        ]
    )
    func mistakes(_ url: String, _ text: String) {
        let error = #expect(throws: BusError.self) { try RabbitConfiguration(url: url) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(text) == true)
        #expect(error?.message.lowercased().contains("geheim") == false)
    }

    @Test("A configuration can be printed in every way without the password")
    func redaction() throws {
        let configuration = try RabbitConfiguration(url: "amqp://user:geheim@host/v")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in [dumped, "\(configuration)", String(reflecting: configuration), "\([configuration])"] {
            #expect(!text.contains("geheim"))
            #expect(!text.contains("user"))
        }
        #expect("\(configuration)" == "amqp://host:5672/v")
    }

    @Test("A value in code that is out of range traps, with the rule in the text")
    func outOfRange() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var configuration = try RabbitConfiguration(url: "amqp://host")
            configuration.heartbeat = .milliseconds(1500)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("heartbeat is 1.5 seconds, must be a whole number of seconds from 1 to 600"))
    }
}
