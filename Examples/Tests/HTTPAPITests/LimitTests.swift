// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import EventBusTesting
import EventBusUsers
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Testing

@testable import HTTPAPI

@Suite("Limits", .timeLimit(.minutes(1)))
struct LimitTests {
    // MARK: How often

    @Test(
        "a limit is a number of attempts and of seconds",
        arguments: [("20/60", 20, 60), ("1/1", 1, 1), ("100000/86400", 100_000, 86_400)]
    )
    func limit(_ text: String, _ count: Int, _ seconds: Int) {
        #expect(RateLimit(text) == RateLimit(count, per: .seconds(seconds)))
    }

    @Test(
        "other texts are refused by the name of the variable",
        arguments: [
            "", "20", "20/", "/60", "20/60/1", "0/60", "20/0", "-1/60", "20 / 60", "20/60s", "100001/1", "1/86401",
            "٢٠/60",
        ]
    )
    func noLimit(_ text: String) {
        for variable in ["LIMIT_PER_CLIENT", "LIMIT_PER_NAME"] {
            let error = #expect(throws: ConfigurationError.self) {
                try RequestLimits(SettingsTests.settings([variable: text]))
            }
            #expect(error?.variable == variable)
        }
    }

    @Test("nothing is limited unless it is configured")
    func off() throws {
        #expect(try RequestLimits(SettingsTests.settings([:])) == nil)
        #expect(try RequestLimits(SettingsTests.settings(["TRUSTED_PROXY_HEADER": "X-Forwarded-For"])) == nil)
        #expect(try RequestLimits(SettingsTests.settings(["LIMIT_PER_NAME": "5/60"])) != nil)
        for name in ["not a name", "Forwarded"] {
            let error = #expect(throws: ConfigurationError.self) {
                try RequestLimits(SettingsTests.settings(["TRUSTED_PROXY_HEADER": name]))
            }
            #expect(error?.variable == "TRUSTED_PROXY_HEADER")
        }
    }

    @Test("as many as the limit says come at once, then one after each interval")
    func rate() {
        var limiter = RateLimiter<String>(RateLimit(3, per: .seconds(30)))
        for _ in 0..<3 { #expect(limiter.wait(for: "a", at: .seconds(100)) == nil) }
        #expect(limiter.wait(for: "a", at: .seconds(100)) == .seconds(10))
        #expect(limiter.wait(for: "a", at: .seconds(104)) == .seconds(6), "what is refused does not count")
        #expect(limiter.wait(for: "b", at: .seconds(104)) == nil, "keys do not know each other")
        #expect(limiter.wait(for: "a", at: .seconds(110)) == nil)
        #expect(limiter.wait(for: "a", at: .seconds(110)) == .seconds(10))
        #expect(limiter.wait(for: "a", at: .seconds(119.999)) != nil)
        // After a whole period without an attempt it is as at the beginning, and no better.
        for _ in 0..<3 { #expect(limiter.wait(for: "a", at: .seconds(1000)) == nil) }
        #expect(limiter.wait(for: "a", at: .seconds(1000)) != nil)
    }

    @Test("in the long run there are no more than the limit says", arguments: [1, 7, 60])
    func longRun(_ count: Int) {
        var limiter = RateLimiter<Int>(RateLimit(count, per: .seconds(60)))
        let admitted = (0..<36_000).count { limiter.wait(for: 0, at: .milliseconds($0 * 100)) == nil }
        // An hour, and the first ones that came at once.
        #expect((count * 60...count * 61).contains(admitted), "\(admitted)")
    }

    @Test("many keys take no more memory, and wipe out no account of attempts")
    func capacity() {
        var limiter = RateLimiter<Int>(RateLimit(2, per: .seconds(60)), capacity: 100)
        for _ in 0..<2 { #expect(limiter.wait(for: 0, at: .zero) == nil) }
        for key in 1...100_000 { _ = limiter.wait(for: key, at: .zero) }
        #expect(limiter.count == 100)
        #expect(limiter.wait(for: 0, at: .zero) != nil)
        #expect(limiter.wait(for: 1, at: .zero) == nil, "one that is kept")
        #expect(limiter.wait(for: 100_001, at: .zero) != nil, "it shares its account with others")
        // Each has had one attempt, which is over after half a minute, and the first two had both.
        #expect(limiter.wait(for: 100_001, at: .seconds(31)) == nil)
        #expect(limiter.count == 3)
        #expect(limiter.wait(for: 0, at: .seconds(31)) == nil)
        #expect(limiter.wait(for: 0, at: .seconds(31)) != nil)
    }

    // MARK: Who

    @Test(
        "an address is read as proxies write it",
        arguments: [
            ("192.0.2.1", [192, 0, 2, 1]), ("192.0.2.1:443", [192, 0, 2, 1]), ("::ffff:192.0.2.1", [192, 0, 2, 1]),
            ("2001:db8:1:2:3:4:5:6", [0x20, 1, 0x0D, 0xB8, 0, 1, 0, 2]),
            ("[2001:db8:1:2::9]", [0x20, 1, 0x0D, 0xB8, 0, 1, 0, 2]),
            ("[2001:db8:1:2::9]:80", [0x20, 1, 0x0D, 0xB8, 0, 1, 0, 2]),
            ("fe80::1%eth0", [0xFE, 0x80, 0, 0, 0, 0, 0, 0]),
        ] as [(String, [UInt8])]
    )
    func address(_ text: String, _ bytes: [UInt8]) {
        #expect(ClientAddress(text)?.bytes == bytes)
    }

    @Test(
        "what is no address is none",
        arguments: [
            "", "unknown", "_hidden", "192.0.2", "192.0.2.256", "1.2.3.4.5", "[", "[]:80", "host.example.org", "::g",
            "%",
        ]
    )
    func noAddress(_ text: String) {
        #expect(ClientAddress(text) == nil)
    }

    @Test(
        "behind a proxy the last address of the last list counts, otherwise the connection's",
        arguments: [
            (["192.0.2.1"], "192.0.2.1"), (["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            (["192.0.2.7", "203.0.113.9 ,\t192.0.2.1"], "192.0.2.1"),
            ([#""[2001:db8::1]:80""#], "2001:db8::2"), ([], "198.51.100.1"), (["192.0.2.1, unknown"], "198.51.100.1"),
            (["192.0.2.1,"], "198.51.100.1"),
        ]
    )
    func proxy(_ lists: [String], _ expected: String) throws {
        let header = try #require(HTTPField.Name("X-Forwarded-For"))
        let clock = VirtualClock()
        let limits = RequestLimits(perClient: RateLimit(1, per: .seconds(60)), proxyHeader: header, clock: clock)
        var fields: HTTPFields = [:]
        fields[values: header] = lists
        let request = Request.with(authorization: nil, fields)
        let peer = try SocketAddress(ipAddress: "198.51.100.1", port: 1234)
        try ClientAddress.$peer.withValue(peer) { try limits.admit(request) }
        // The same client by itself has no more attempts.
        let same = try SocketAddress(ipAddress: expected, port: 99)
        let problem = #expect(throws: Problem.self) {
            try ClientAddress.$peer.withValue(same) { try limits.admit(.with(authorization: nil)) }
        }
        #expect(problem?.status == .tooManyRequests)
        #expect(problem?.headers[.retryAfter] == "60")
    }

    @Test("without a proxy nobody chooses an address")
    func noProxy() throws {
        let header = try #require(HTTPField.Name("X-Forwarded-For"))
        let limits = RequestLimits(perClient: RateLimit(1, per: .seconds(60)), clock: VirtualClock())
        let peer = try SocketAddress(ipAddress: "198.51.100.1", port: 1234)
        try ClientAddress.$peer.withValue(peer) { try limits.admit(.with(authorization: nil, [header: "192.0.2.1"])) }
        #expect(throws: Problem.self) {
            try ClientAddress.$peer.withValue(peer) {
                try limits.admit(.with(authorization: nil, [header: "192.0.2.2"]))
            }
        }
    }

    // MARK: Over HTTP

    @Test("too many attempts are 429 with Retry-After, whether a login or a registration")
    func tooMany() async throws {
        let clock = VirtualClock()
        let limits = RequestLimits(perName: RateLimit(2, per: .seconds(60)), clock: clock)
        let users = Users(store: InMemoryStore(), hasher: CheapHasher())
        let issuer = TokenIssuer(.generated(), rules: TokenRules())
        let router = Router(
            named: "test",
            serving: RegistrationAPI(users, limits: limits).endpoints
                + LoginAPI(users, issuer: issuer, limits: limits).endpoints
        )
        func register(_ name: String) async throws -> Answer {
            let body = #"{"username":"\#(name)","email":"\#(name)@example.org","password":"correct horse"}"#
            return try await router.answer(.post, "/api/users/register/", json: body, authorization: nil)
        }
        func logIn(_ name: String) async throws -> Answer {
            let body = #"{"username":"\#(name)","password":"wrong password"}"#
            return try await router.answer(.post, "/api/users/login/", json: body, authorization: nil)
        }
        #expect(try await register("ada").status == 201)
        #expect(try await logIn("ADA").status == 401)
        let refused = try await logIn("ada")
        #expect(refused.status == 429)
        #expect(refused.headers[.retryAfter] == "30")
        #expect(refused.headers[.contentType] == "application/problem+json")
        #expect(try await register("ada").status == 429)
        #expect(try await logIn("grace").status == 401, "others may")
        clock.advance(by: .seconds(29.5))
        #expect(try await logIn("ada").headers[.retryAfter] == "1", "half a second is rounded up")
        clock.advance(by: .seconds(0.5))
        #expect(try await logIn("ada").status == 401)
        // Names that nobody can have are one.
        let statuses = [
            try await logIn(String(repeating: "a", count: 300)).status,
            try await logIn(String(repeating: "b", count: 400)).status,
            try await logIn(String(repeating: "c", count: 500)).status,
        ]
        #expect(statuses == [401, 401, 429])
    }

    @Test("a client is known by the address of its connection")
    func connection() async throws {
        let limits = RequestLimits(perClient: RateLimit(1, per: .seconds(60)), clock: VirtualClock())
        let users = Users(store: InMemoryStore(), hasher: CheapHasher())
        let login = LoginAPI(users, issuer: TokenIssuer(.generated(), rules: TokenRules()), limits: limits)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = HTTPServer(
            Router(named: "test", serving: login.endpoints),
            ServerConfiguration(port: 0),
            logger: logger,
            onListening: { port.yield($0) }
        )
        let statuses = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let client = HTTPClient(ServerConfiguration(port: try #require(await ports.first { _ in true })))
            let body = #"{"username":"ada","password":"wrong password"}"#
            let first = try await client.send("POST", LoginAPI.loginPath, json: body).status
            let second = try await client.send("POST", LoginAPI.loginPath, json: body).status
            group.cancelAll()
            return [first, second]
        }
        #expect(statuses == [401, 429])
    }
}
