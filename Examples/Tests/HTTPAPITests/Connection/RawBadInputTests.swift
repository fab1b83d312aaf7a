// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI
import Hummingbird
import NIOCore
import Testing

/// What should not come over a connection, as bytes sent to a real server: each has an answer, none a failure of the server,
/// and nothing of it reaches a log.
///
/// ``BadInputTests`` has the bodies that can be told apart by their contents.
@Suite("Bad input over connections", .timeLimit(.minutes(2)))
struct RawBadInputTests {
    /// A word that no log line may have.
    static let canary = "CANARY"

    static let user = #"{"username":"ada","email":"ada@example.org","password":"correct horse"}"#
    static let chunk = String(user.utf8.count, radix: 16) + "\r\n" + user + "\r\n"

    static let next = "GET /healthz HTTP/1.1\r\nHost: test\r\nX-Request-ID: next\r\nConnection: close\r\n\r\n"

    static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    static let slow: [RawInput] = [
        RawInput("a slow head", "GET /\(canary) HTTP/1.1\r\nHost: te", [408]),
        RawInput("one byte", "G", [408]),
        RawInput("a slow second request", "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\nGET /", [200, 408]),
        .registration("a slow body", "Content-Length: 100", Array("{".utf8), [408]),
        .registration("no body", "Content-Length: 100", [], [408]),
        .registration("the longest body", "Content-Length: 9223372036854775807", Array("{".utf8), [408]),
        .chunked("a slow chunk", "5\r\n{", [408]),
        .chunked("no last chunk", chunk, [408]),
        // Looks like the beginning of something newer.
        RawInput("HTTP/0.9", "GET /healthz\r\n", [408]),
        RawInput("empty lines", "\r\n\r\n\r\n", []),
        RawInput("nothing", "", []),
    ]

    static let large: [RawInput] = [
        .fields("a field of 64 KiB", "X-Field: \(repeated("x", 64 * 1024))", [431]),
        .fields("a name of 64 KiB", "\(repeated("x", 64 * 1024)): x", [431]),
        .fields("fields of 64 KiB", repeated("X-Field: \(repeated("x", 500))\r\n", 128) + "X: x", [431]),
        .fields("1,000 fields", repeated("X: x\r\n", 1000) + "X: x", [431]),
        .fields("64 KiB of spaces", "X: \(repeated(" ", 64 * 1024))x", [431]),
        .fields("a token of 1 MB", "Authorization: Bearer \(repeated("x", 1_000_000))", [431]),
        .target("/" + repeated("a", 64 * 1024), [431]),
        .target("/healthz?" + repeated("a", 10_000), [200]),
        .target("/" + repeated("a/", 5_000), [404]),
        .target("/api/accounts/" + repeated("a", 10_000), [404]),
        .chunked("64 KiB in chunks of one byte", repeated("1\r\n \r\n", 64 * 1024) + "0\r\n\r\n", [413]),
        .chunked("a chunk's extension of 64 KiB", "1;\(repeated("x", 64 * 1024))\r\n{\r\n0\r\n\r\n", [400]),
        .chunked("a trailer of 64 KiB", chunk + "0\r\nX: \(repeated("x", 64 * 1024))\r\n\r\n", [431]),
    ]

    static let bodies: [RawInput] = [
        .json("16,000 open brackets", Array(repeated("[", 16_000).utf8), [400]),
        .json("a number of 10,000 digits for a name", Array(#"{"username":\#(repeated("9", 10_000))}"#.utf8), [400]),
        .json(
            "a number of 10,000 digits elsewhere",
            Array((user.dropLast() + #","x":\#(repeated("9", 10_000))}"#).utf8),
            [201]
        ),
        .json("a number beyond every range", Array((user.dropLast() + #","x":-1e999999999}"#).utf8), [201]),
        .json("NUL", [0], [400]),
        .json("NUL inside", Array(user.utf8.dropLast()) + [0, 0x7D], [400]),
        .json("invalid UTF-8", Array(#"{"username":""#.utf8) + [0xC3, 0x28, 0xFF] + Array(#""}"#.utf8), [400]),
        .json("half of a pair", Array(user.replacing("ada@", with: #"\ud800@"#).utf8), [400]),
        .json("SQL", Array(user.replacing(#""ada""#, with: #""'; DROP TABLE users; --""#).utf8), [422]),
        .json("lines for a log", Array(user.replacing("ada@", with: #"\r\n\u001b[31m\#(canary)@"#).utf8), [422]),
    ]

    static let framing: [RawInput] = [
        .registration(
            "a length and chunks",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            Array(chunk.utf8),
            [400]
        ),
        .registration(
            "chunks and a length",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            Array(chunk.utf8),
            [400]
        ),
        .registration("two lengths", "Content-Length: 5\r\nContent-Length: 6", Array("hello".utf8), [400]),
        .registration("the same length twice", "Content-Length: 5\r\nContent-Length: 5", Array("hello".utf8), [400]),
        .registration("two lengths in one field", "Content-Length: 5, 6", Array("hello".utf8), [400]),
        .registration("a negative length", "Content-Length: -5", Array("hello".utf8), [400]),
        .registration("a length with a sign", "Content-Length: +5", Array("hello".utf8), [400]),
        .registration("a length that is none", "Content-Length: 0x5", Array("hello".utf8), [400]),
        .registration("a length beyond 64 bits", "Content-Length: 99999999999999999999", Array("hello".utf8), [400]),
        .registration("an unknown coding", "Transfer-Encoding: gzip", Array("hello".utf8), [400]),
        .registration("a misspelt coding", "Transfer-Encoding: xchunked", Array(chunk.utf8), [400]),
        .registration("chunks inside of another coding", "Transfer-Encoding: chunked, gzip", Array(chunk.utf8), [400]),
        .registration("a space before the colon", "Transfer-Encoding : chunked", Array(chunk.utf8), [400]),
        .chunked("a chunk without a size", "\r\nhello\r\n0\r\n\r\n", [400]),
        .chunked("a chunk with a wrong size", "zz\r\nhello\r\n0\r\n\r\n", [400]),
        .chunked("a chunk beyond 64 bits", "FFFFFFFFFFFFFFFFF\r\nhello", [400]),
        .chunked("a chunk that is longer than its size", "1\r\nhello\r\n0\r\n\r\n", [400]),
        // What comes behind a body is not looked at, but the parser does not let everything pass.
        .chunked("a trailer", chunk + "0\r\nX-Trailer: \(canary)\r\n\r\n", [201]),
        .chunked("a length in a trailer", chunk + "0\r\nContent-Length: 5\r\n\r\n", [400]),
    ]

    static let heads: [RawInput] = [
        RawInput("no Host", "GET /healthz HTTP/1.1\r\n\r\n", [400]),
        RawInput("two Hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", [400]),
        RawInput("an empty Host", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", [400]),
        RawInput("a Host that is none", "GET /healthz HTTP/1.1\r\nHost: a/b@c\r\n\r\n", [400]),
        // The service does not know by which names it is reached.
        RawInput("another Host", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", [200]),
        RawInput("HTTP/1.0 without Host", "GET /healthz HTTP/1.0\r\n\r\n", [200]),
        RawInput("HTTP/0.9 by name", "GET /healthz HTTP/0.9\r\n\r\n", [400]),
        RawInput("HTTP/2 by name", "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", [400]),
        RawInput("HTTP/9.9", "GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n", [400]),
        RawInput("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
        RawInput("the beginning of TLS", [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03], [400]),
        RawInput("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", [400]),
        RawInput("an unknown method", "FETCH /healthz HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
        RawInput("a method in small letters", "get /healthz HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
        RawInput("a proxy's method", "CONNECT example.org:443 HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
        .fields("NUL in a field", "X: a\0\(canary)", [400]),
        .fields("a control character in a field", "X: a\u{1B}[31m\(canary)", [400]),
        .fields("a carriage return in a field", "X: a\rX-Log: \(canary)", [400]),
        .fields("a space in a name", "X Y: \(canary)", [400]),
        .fields("no name", ": \(canary)", [400]),
        .fields("no colon", canary, [400]),
        .fields("a folded field", "X: a\r\n \(canary)", [400]),
        .fields("a bare line feed", "X: a\nX-Log: \(canary)", [400]),
        RawInput(
            "invalid UTF-8 in a field",
            Array("GET /healthz HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [0xC3, 0x28, 0xFF] + Array("\r\n\r\n".utf8),
            [200]
        ),
        .fields("an id for a log", "X-Request-ID: a\t\(canary)", [200]),
        .fields("an unknown expectation", "Expect: \(canary)", [417]),
        .fields("another protocol is asked for", "Connection: Upgrade\r\nUpgrade: websocket", [200]),
    ]

    static let targets: [RawInput] = [
        .target("//healthz", [200]), .target("/../healthz", [404]), .target("/%2e%2e/healthz", [404]),
        .target("/api/accounts/../../healthz", [404]), .target("/healthz%00", [404]), .target("/healthz;a=b", [404]),
        .target("/healthz%0d%0aX-Log:\(canary)", [404]), .target("/%\(canary)", [404]),
        .target("/healthz#\(canary)", [404]),
        .target("/api/accounts/';DROP%20TABLE%20users;--", [404]), .target("/api/accounts/%ff%fe", [404]),
        .target("http://evil.example/healthz", [200]), .target("ftp://evil.example/\(canary)", [400]),
        .target("healthz", [400]), .target("*", [400]), .target("/a b", [400]), .target("/a\u{0}b", [400]),
        .target("/a\u{1}b", [400]), .target("/ä", [400]), .target("\\healthz", [400]),
        RawInput(
            "invalid UTF-8 in a path",
            Array("GET /".utf8) + [0xC3, 0x28, 0xFF] + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8),
            [400]
        ),
    ]

    @Test("what does not arrive has an answer, which is no failure of the server", arguments: slow)
    func incomplete(_ input: RawInput) async throws {
        var limits = ConnectionLimits()
        limits.head = .milliseconds(200)
        limits.bodyPause = .milliseconds(200)
        // Where nothing is answered, the end comes from this; elsewhere it would only race with the client.
        if input.statuses.isEmpty { limits.idle = .seconds(5) }
        try await self.check(input, limits)
    }

    @Test("what arrives has an answer at once", arguments: large + bodies + framing + heads + targets)
    func complete(_ input: RawInput) async throws {
        try await self.check(input, ConnectionLimits())
    }

    private func check(_ input: RawInput, _ limits: ConnectionLimits) async throws {
        let log = LogRecorder()
        try await withServer(limits: limits, logger: log.logger) { port in
            try await RawConnection.with(port: port) { connection in
                guard !input.statuses.isEmpty else {
                    // On a busy machine the end can come even before the bytes are sent.
                    if !input.bytes.isEmpty { try? await connection.send(input.bytes) }
                    let text = (try? await connection.readToEnd()) ?? ""
                    #expect(text == "")
                    return
                }
                try await connection.send(input.bytes)
                var isOpen = true
                for status in input.statuses {
                    let answer = try await connection.readAnswer()
                    #expect(answer.status == status, "\(answer)")
                    #expect(answer.fields["x-request-id"]?.contains(Self.canary) == false)
                    if answer.status >= 400 { #expect(answer.fields["content-type"] == "application/problem+json") }
                    isOpen = answer.fields["connection"] != "close"
                }
                // There is no other answer: the connection ends, or the next answer is that of the next request.
                if isOpen {
                    try await connection.send(Self.next)
                    let answer = try await connection.readAnswer()
                    #expect(answer.status == 200, "\(answer)")
                    #expect(answer.fields["x-request-id"] == "next", "\(answer)")
                }
                #expect(try await connection.readToEnd() == "")
            }
            // The server goes on.
            try await RawConnection.with(port: port) { connection in
                try await connection.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
                #expect(try await connection.readAnswer().status == 200)
            }
        }
        for line in log.lines {
            #expect(!line.contains(Self.canary))
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }, "\(line.debugDescription)")
        }
    }
}
