// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI
import Hummingbird
import HummingbirdTesting
import Testing

/// Everything that clients get wrong, and the answers to it.
@Suite("Bad input", .timeLimit(.minutes(1)))
struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let body: [UInt8]
        let status: Int
        let fields: [String]
        var testDescription: String { self.name }

        init(_ name: String, _ body: [UInt8], _ status: Int, _ fields: [String] = []) {
            self.name = name
            self.body = body
            self.status = status
            self.fields = fields
        }

        init(_ name: String, _ body: String, _ status: Int, _ fields: [String] = []) {
            self.init(name, Array(body.utf8), status, fields)
        }
    }

    static let cases: [Case] = [
        Case("empty body", "", 400),
        Case("no JSON", "hello", 400),
        Case("cut off", #"{"username":"ada""#, 400),
        Case("something after the object", valid + "x", 400),
        Case("20,000 open brackets", String(repeating: "[", count: 20_000), 400),
        Case("20,000 nested brackets", nested(20_000), 400),
        Case("65 nested brackets", nested(65), 400),
        Case("brackets in a string", registration(username: String(repeating: "[", count: 1000)), 422, ["username"]),
        Case("an escaped quote before brackets", registration(username: #"\"["# + nested(100)), 422, ["username"]),
        Case("open braces only", String(repeating: #"{"a":"#, count: 3_000), 400),
        Case("an array", "[1,2]", 400),
        Case("a string", #""ada""#, 400),
        Case("null", "null", 400),
        Case("NUL", [0], 400),
        Case("NUL inside", Array(valid.utf8.dropLast()) + [0, 0x7D], 400),
        Case("UTF-16", valid.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }, 400),
        Case(
            "invalid UTF-8",
            Array(#"{"username":"a"#.utf8) + [0xFF, 0xFE]
                + Array(#"","email":"a@b.cd","password":"correct horse"}"#.utf8),
            400
        ),
        Case("empty object", "{}", 400, ["username", "email", "password"]),
        Case("one field missing", #"{"username":"ada","email":"ada@example.org"}"#, 400, ["password"]),
        Case(
            "fields of wrong types",
            #"{"username":1,"email":null,"password":["x"]}"#,
            400,
            ["username", "email", "password"]
        ),
        Case(
            "one missing, one of a wrong type",
            #"{"username":true,"email":"ada@example.org"}"#,
            400,
            ["username", "password"]
        ),
        Case(
            "keys in other letter case",
            #"{"Username":"ada","Email":"ada@example.org","Password":"correct horse"}"#,
            400,
            ["username", "email", "password"]
        ),
        Case(
            "everything invalid",
            #"{"username":"a","email":"b","password":"c"}"#,
            422,
            ["username", "email", "password"]
        ),
        Case("empty values", #"{"username":"","email":"","password":""}"#, 422, ["username", "email", "password"]),
        Case("escaped NUL in the name", registration(username: #"ada\u0000"#), 422, ["username"]),
        Case("space in the name", registration(username: "ada lovelace"), 422, ["username"]),
        Case("other letters in the name", registration(username: "äda"), 422, ["username"]),
        Case("65 characters of name", registration(username: String(repeating: "a", count: 65)), 422, ["username"]),
        Case("SQL in the name", registration(username: "'; DROP TABLE users; --"), 422, ["username"]),
        Case("address without domain", registration(email: "ada"), 422, ["email"]),
        Case("address with two @", registration(email: "ada@b@example.org"), 422, ["email"]),
        Case("address with a line break", registration(email: #"ada@example.org\n"#), 422, ["email"]),
        Case("short password", registration(password: "short"), 422, ["password"]),
        Case("1025 bytes of password", registration(password: String(repeating: "x", count: 1025)), 422, ["password"]),
        Case("17 KiB", registration(password: String(repeating: "x", count: 17 * 1024)), 413),
        Case("1 MiB", [UInt8](repeating: 0x20, count: 1 << 20), 413),
    ]

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    private static let valid = registration()

    private static func registration(
        username: String = "ada",
        email: String = "ada@example.org",
        password: String = "correct horse"
    ) -> String {
        #"{"username":"\#(username)","email":"\#(email)","password":"\#(password)"}"#
    }

    @Test("is answered with a problem that names every field", arguments: BadInputTests.cases)
    func isRefused(_ input: Case) async throws {
        let answer = try await Router.api().answer(.post, "/api/users/register/", input.body)
        #expect(answer.status == input.status)
        #expect(answer.faultyFields == input.fields)
        #expect(answer.headers[.contentType] == "application/problem+json")
        #expect(answer.json["status"] as? Int == input.status)
        #expect(answer.json["title"] as? String != nil)
        #expect(answer.json["detail"] as? String != nil)
    }

    @Test("a body that arrives in chunks without a length is cut off at the limit")
    func chunkedBody() async throws {
        try await Application(responder: Router.api().buildResponder()).test(.live) { client in
            let long = try await client.answer(.post, "/api/users/register/", [UInt8](repeating: 0x20, count: 200_000))
            #expect(long.status == 413)
            // The process lives, the connection too.
            #expect(try await client.answer(.get, "/healthz").status == 200)
        }
    }

    @Test(
        "other content types are 415",
        arguments: [nil, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json"]
    )
    func contentType(_ type: String?) async throws {
        let answer = try await Router.api()
            .answer(.post, "/api/users/register/", Array(Self.valid.utf8), contentType: type)
        #expect(answer.status == 415)
        #expect(answer.headers[.contentType] == "application/problem+json")
    }

    @Test("a client that asks before it sends a body is refused by what it announces, not by what it would send")
    func expectation() async throws {
        let body = [UInt8](repeating: UInt8(ascii: "["), count: 20_000)
        let path = "/api/users/register/"
        #expect(try await Router.api().answer(.post, path, body).status == 400)
        #expect(try await Router.api().answer(.post, path, body, headers: [.expect: "100-Continue"]).status == 413)
        let valid = Array(Self.valid.utf8)
        #expect(try await Router.api().answer(.post, path, valid, headers: [.expect: "100-continue"]).status == 201)
    }
}
