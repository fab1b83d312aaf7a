// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBus
import EventBusTesting
import Foundation
import HTTPTypes
import Logging
import Synchronization
import Testing

@testable import HTTPAPI

/// The keys of another service: when they are fetched, and what happens when they cannot be.
@Suite("Remote keys", .timeLimit(.minutes(1)))
struct RemoteKeysTests {
    /// Another service, whose keys a test changes.
    final class Issuer: Sendable {
        struct Away: Error, CustomStringConvertible { let description = "nobody is there" }

        private let state = Mutex<(ids: [String]?, count: Int)>((nil, 0))

        func serve(_ ids: [String]?) { self.state.withLock { $0.ids = ids } }
        var fetches: Int { self.state.withLock { $0.count } }

        func fetch() throws -> [UInt8] {
            let ids = self.state.withLock { state in
                state.count += 1
                return state.ids
            }
            guard let ids else { throw Away() }
            return Array(ids.map { ($0, Curve25519.Signing.PrivateKey()) }.keySet)
        }
    }

    private let issuer = Issuer()
    private let clock = VirtualClock()
    private let keys: RemoteKeys

    init() {
        let issuer = self.issuer
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        self.keys = RemoteKeys(clock: self.clock, logger: logger) { try issuer.fetch() }
    }

    @Test("before the first success there are no keys, only a note and 503")
    func none() async throws {
        #expect(await self.keys.health.notes == ["the keys of AUTH_JWKS_URL have not been fetched yet"])
        await self.keys.update()
        let problem = await #expect(throws: Problem.self) { try await self.keys.keys(for: "a") }
        #expect(problem?.status == .serviceUnavailable)
        #expect(problem?.headers[.retryAfter] == "10")
        let health = await self.keys.health
        #expect(health.isReady)
        #expect(health.notes.first?.hasSuffix("nobody is there") == true)
        #expect(self.issuer.fetches == 1, "requests fetch nothing as long as there is no key")
    }

    @Test("keys are kept when they cannot be fetched again")
    func stale() async throws {
        self.issuer.serve(["a"])
        await self.keys.update()
        #expect(await self.keys.health == .ready)
        self.issuer.serve(nil)
        self.clock.advance(by: .seconds(300))
        await self.keys.update()
        #expect(try await self.keys.keys(for: "a").contains("a"))
        let notes = await self.keys.health.notes
        #expect(notes == ["the keys of AUTH_JWKS_URL are 300 s old, they cannot be fetched again: nobody is there"])
        self.issuer.serve(["b"])
        await self.keys.update()
        #expect(await self.keys.health == .ready)
        #expect(try await !self.keys.keys(for: "a").contains("a"), "what is withdrawn is gone")
    }

    @Test("keys that could not be fetched again for a day verify nothing, which is 503, noted, and logged once")
    func outdated() async throws {
        let issuer = self.issuer
        let log = LogRecorder()
        let keys = RemoteKeys(clock: self.clock, logger: log.logger) { try issuer.fetch() }
        issuer.serve(["a"])
        await keys.update()
        issuer.serve(nil)
        self.clock.advance(by: .seconds(86_400) - .milliseconds(1))
        await keys.update()
        #expect(try await keys.keys(for: "a").contains("a"))
        #expect(log.lines.count == 1)
        self.clock.advance(by: .milliseconds(1))
        for _ in 0..<2 {
            let problem = await #expect(throws: Problem.self) { try await keys.keys(for: "a") }
            #expect(problem?.status == .serviceUnavailable)
            #expect(problem?.headers[.retryAfter] == "10")
            let health = await keys.health
            #expect(health.isReady)
            let note = "access tokens cannot be verified, the keys of AUTH_JWKS_URL are 86400 s old, which is too old: "
            #expect(health.notes == [note + "nobody is there"])
            await keys.update()
        }
        #expect(log.lines.count == 2)
        #expect(log.lines.last?.hasPrefix("error The keys that verify access tokens are too old") == true)
        issuer.serve(["a"])
        await keys.update()
        #expect(try await keys.keys(for: "a").contains("a"))
        #expect(await keys.health == .ready)
        #expect(log.lines.count == 3)
    }

    @Test("the age counts from the last success, also without a failure")
    func age() {
        var cache = KeyCache()
        let keys = [("a", Curve25519.Signing.PrivateKey())].verificationKeys
        for time in [Duration.seconds(100), .seconds(50_000)] {
            cache.begin(at: time)
            cache.succeed(with: keys, at: time)
        }
        #expect(cache.keys(at: .seconds(136_399.999)) != nil)
        #expect(cache.note(at: .seconds(136_399.999)) == nil)
        #expect(cache.keys(at: .seconds(136_400)) == nil, "as after the machine has slept")
        #expect(cache.note(at: .seconds(136_400))?.hasSuffix("too old: they have not been fetched again yet") == true)
        #expect(!cache.mayFetch(for: "b", at: .seconds(136_400)), "that is what the service does by itself")
    }

    @Test("a document that is no JWK set is a failure")
    func noKeySet() async throws {
        let keys = RemoteKeys(clock: self.clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
            Array("<html>".utf8)
        }
        await keys.update()
        #expect(await keys.health.notes.first?.contains("no JWK set") == true)
    }

    @Test("a missing key is fetched at once, but at most every ten seconds, whoever asks")
    func missing() async throws {
        self.issuer.serve(["a"])
        await self.keys.update()
        self.issuer.serve(["a", "b"])
        #expect(try await !self.keys.keys(for: "b").contains("b"), "within ten seconds")
        self.clock.advance(by: .seconds(10))
        #expect(try await self.keys.keys(for: "a").contains("a"))
        #expect(self.issuer.fetches == 1, "nothing is missing")
        #expect(try await self.keys.keys(for: "b").contains("b"))
        #expect(self.issuer.fetches == 2)
        self.clock.advance(by: .seconds(9))
        for number in 0..<100 { _ = try await self.keys.keys(for: "unknown \(number)") }
        #expect(self.issuer.fetches == 2)
        self.clock.advance(by: .seconds(1))
        for number in 0..<100 { _ = try await self.keys.keys(for: "unknown \(number)") }
        #expect(self.issuer.fetches == 3)
    }

    @Test("everybody who needs a key waits for one fetch")
    func concurrent() async throws {
        let (arrivals, arrived) = AsyncStream<Void>.makeStream()
        let (answers, answer) = AsyncStream<[UInt8]>.makeStream()
        let keys = RemoteKeys(clock: self.clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
            arrived.yield()
            return await answers.first { _ in true } ?? []
        }
        async let update: Void = keys.update()
        _ = await arrivals.first { _ in true }
        async let first = keys.keys(for: "a")
        async let second = keys.keys(for: "a")
        answer.yield(Array([("a", Curve25519.Signing.PrivateKey())].keySet))
        #expect(try await first.contains("a"))
        #expect(try await second.contains("a"))
        await update
        arrived.finish()
        #expect(await arrivals.first { _ in true } == nil, "nobody else has fetched")
    }

    @Test("decisions: every five minutes, after a failure every ten seconds")
    func schedule() {
        var cache = KeyCache()
        #expect(cache.nextFetch == .zero)
        #expect(!cache.mayFetch(for: "a", at: .seconds(100)), "there are no keys yet")
        cache.begin(at: .seconds(5))
        let isTooOld = cache.fail("away", at: .seconds(5))
        #expect(!isTooOld)
        #expect(cache.nextFetch == .seconds(15))
        cache.begin(at: .seconds(15))
        cache.succeed(with: [("a", Curve25519.Signing.PrivateKey())].verificationKeys, at: .seconds(16))
        #expect(cache.nextFetch == .seconds(315))
        #expect(!cache.mayFetch(for: "a", at: .seconds(100)))
        #expect(!cache.mayFetch(for: "b", at: .seconds(24.999)))
        #expect(cache.mayFetch(for: "b", at: .seconds(25)))
    }

    @Test("a service fetches its keys when it starts")
    func run() async throws {
        let (arrivals, arrived) = AsyncStream<Void>.makeStream()
        let keys = RemoteKeys(clock: self.clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
            arrived.yield()
            return Array([("a", Curve25519.Signing.PrivateKey())].keySet)
        }
        let fetched = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await keys.run() }
            _ = await arrivals.first { _ in true }
            let fetched = try await keys.keys(for: "a")
            group.cancelAll()
            return fetched
        }
        #expect(fetched.contains("a"))
    }

    // MARK: Where they are

    @Test(
        "places with TLS, on this machine or in a private network",
        arguments: [
            (
                "https://users.example.org/.well-known/jwks.json", true, "users.example.org", 443,
                "/.well-known/jwks.json"
            ),
            ("HTTPS://users.example.org:8443", true, "users.example.org", 8443, "/"),
            ("http://127.0.0.1:8000/jwks", false, "127.0.0.1", 8000, "/jwks"), ("http://[::1]/", false, "::1", 80, "/"),
            ("http://localhost/a%20b", false, "localhost", 80, "/a%20b"),
            ("http://user-service:8000/", false, "user-service", 8000, "/"),
        ]
    )
    func places(_ text: String, _ isSecure: Bool, _ host: String, _ port: Int, _ path: String) throws {
        let location = try KeysLocation(text)
        #expect(location.isSecure == isSecure)
        #expect(location.host == host)
        #expect(location.port == port)
        #expect(location.path == path)
    }

    @Test(
        "other places are refused by the name of the variable",
        arguments: [
            "", " ", "users", "/jwks.json", "https://", "ftp://users/", "http://users.example.org/",
            "http://192.0.2.1/",
            "http://127.example.org/", "http://[2001:db8::1]/", "https://eve:hunter2@users.example.org/",
            "https://users/?a=b",
            "https://users/#a", "http://134744072/", "http://0x08080808/",
        ]
    )
    func noPlaces(_ text: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try KeysLocation(SettingsTests.settings(["AUTH_JWKS_URL": text]))
        }
        #expect(error?.variable == "AUTH_JWKS_URL")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("a file of authorities has to be there")
    func authorities() throws {
        let url = "https://users.example.org/"
        let error = #expect(throws: ConfigurationError.self) {
            try KeysLocation(SettingsTests.settings(["AUTH_JWKS_URL": url, "AUTH_JWKS_CA_FILE": "/nowhere"]))
        }
        #expect(error?.variable == "AUTH_JWKS_CA_FILE")
        #expect(try KeysLocation(SettingsTests.settings([:])) == nil)
    }

    @Test(
        "what is half configured does not leave the accounts open",
        arguments: ["AUTH_JWKS_URL_FILE", "AUTH_JWKS_CA_FILE"]
    )
    func half(_ variable: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try KeysLocation(SettingsTests.settings([variable: "/nowhere"]))
        }
        #expect(error?.variable == variable)
    }
}
