// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

/// Bytes that clients should not send, and what is answered.
struct RawInput: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// The statuses of all answers; none where the connection is closed without one.
    let statuses: [Int]
    var testDescription: String { self.name }

    init(_ name: String, _ bytes: [UInt8], _ statuses: [Int]) {
        self.name = name
        self.bytes = bytes
        self.statuses = statuses
    }

    init(_ name: String, _ text: String, _ statuses: [Int]) {
        self.init(name, Array(text.utf8), statuses)
    }

    /// `GET /healthz` with these lines in its head.
    static func fields(_ name: String, _ lines: String, _ statuses: [Int]) -> RawInput {
        RawInput(name, "GET /healthz HTTP/1.1\r\nHost: test\r\n\(lines)\r\n\r\n", statuses)
    }

    /// `GET` of a target.
    static func target(_ target: String, _ statuses: [Int]) -> RawInput {
        RawInput("target \(target.prefix(40))", "GET \(target) HTTP/1.1\r\nHost: test\r\n\r\n", statuses)
    }

    /// A registration with these lines in its head, and a body.
    static func registration(_ name: String, _ lines: String, _ body: [UInt8], _ statuses: [Int]) -> RawInput {
        let head = """
            POST /api/users/register/ HTTP/1.1\r
            Host: test\r
            Content-Type: application/json\r
            \(lines)\r
            \r

            """
        return RawInput(name, Array(head.utf8) + body, statuses)
    }

    /// A registration with a body of JSON.
    static func json(_ name: String, _ body: [UInt8], _ statuses: [Int]) -> RawInput {
        self.registration(name, "Content-Length: \(body.count)", body, statuses)
    }

    /// A registration whose body comes in chunks.
    static func chunked(_ name: String, _ body: String, _ statuses: [Int]) -> RawInput {
        self.registration(name, "Transfer-Encoding: chunked", Array(body.utf8), statuses)
    }
}
