// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import NIOHTTP1
import Testing

@testable import HTTPAPI

@Suite("Heads of requests")
struct RequestHeadTests {
    static func head(
        _ method: HTTPMethod = .GET,
        _ target: String = "/healthz",
        version: HTTPVersion = .http1_1,
        _ headers: HTTPHeaders = ["Host": "example.org"]
    ) throws(Problem) -> RequestHead {
        try RequestHead(
            HTTPRequestHead(version: version, method: method, uri: target, headers: headers),
            isSecure: false
        )
    }

    @Test(
        "a request of HTTP/1.1 has exactly one Host (RFC 9112 §3.2)",
        arguments: [
            [], ["a", "a"], ["a", "b"], [""], ["a b"], ["a/b"], ["user@a"], ["a,b"], ["ä"], ["a\u{FFFD}"],
            [String(repeating: "a", count: 262)],
        ]
    )
    func wrongHost(_ hosts: [String]) {
        let error = #expect(throws: Problem.self) {
            try Self.head(.GET, "/", HTTPHeaders(hosts.map { ("host", $0) }))
        }
        #expect(error?.status == .badRequest)
    }

    @Test(
        "names, addresses and ports are fine",
        arguments: ["a", "example.org:8000", "127.0.0.1", "[::1]:8000", "x_y-z"]
    )
    func host(_ host: String) throws {
        #expect(try Self.head(.GET, "/", ["HOST": host]).request.authority == host)
    }

    @Test("a request of HTTP/1.0 needs no Host, but has no two, and is the last on its connection")
    func oldVersion() throws {
        #expect(try Self.head(.GET, "/", version: .http1_0, [:]).isLast)
        #expect(try Self.head(.GET, "/", version: .http1_0, ["Connection": "keep-alive"]).isLast)
        #expect(throws: Problem.self) { try Self.head(.GET, "/", version: .http1_0, ["Host": "a", "host": "a"]) }
    }

    @Test(
        "a target is a path, a URL, or * for OPTIONS",
        arguments: [
            (HTTPMethod.GET, "*"), (.GET, "healthz"), (.GET, "ftp://a/"), (.GET, ""), (.GET, "/\u{1}"), (.GET, "/a b"),
            (.GET, "/ä"), (.GET, "/\u{FFFD}"), (.CONNECT, "example.org:80"), (.CONNECT, "/"),
        ]
    )
    func wrongTarget(_ method: HTTPMethod, _ target: String) {
        let error = #expect(throws: Problem.self) { try Self.head(method, target) }
        #expect(error?.status == .badRequest)
    }

    @Test(
        "a URL counts as its path",
        arguments: [
            ("/healthz", "/healthz"), ("http://example.org/healthz", "/healthz"), ("https://a:1/b?c=d", "/b?c=d"),
            ("//healthz", "//healthz"), ("/%2e%2e/a;b", "/%2e%2e/a;b"),
        ]
    )
    func target(_ target: String, _ path: String) throws {
        #expect(try Self.head(.GET, target).request.path == path)
        #expect(try Self.head(.OPTIONS, "*").request.path == "*")
    }

    @Test("the client may say that it is the last request")
    func last() throws {
        #expect(try !Self.head().isLast)
        #expect(try Self.head(.GET, "/", ["Host": "a", "Connection": "keep-alive, Close"]).isLast)
        // The parser stops behind it.
        #expect(try Self.head(.GET, "/", ["Host": "a", "Connection": "Upgrade", "Upgrade": "h2c"]).isLast)
    }

    @Test("nothing but 100-continue can be expected, and nothing of a client of HTTP/1.0")
    func expectation() throws {
        #expect(try !Self.head().expectsContinue)
        #expect(try Self.head(.POST, "/", ["Host": "a", "Expect": "100-Continue"]).expectsContinue)
        #expect(try !Self.head(.POST, "/", version: .http1_0, ["Expect": "100-continue"]).expectsContinue)
        let error = #expect(throws: Problem.self) { try Self.head(.POST, "/", ["Host": "a", "Expect": "miracles"]) }
        #expect(error?.status == .expectationFailed)
    }
}
