// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// The head of a request, found sound, and what it says about its connection.
struct RequestHead: Sendable {
    /// The request as endpoints see it.
    let request: HTTPRequest
    /// Whether the connection ends with the answer.
    let isLast: Bool
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    let expectsContinue: Bool

    /// Checks what the parser lets pass.
    ///
    /// - Throws: ``Problem`` with status 400 or 417.
    init(_ head: HTTPRequestHead, isSecure: Bool) throws(Problem) {
        // The parser knows no other versions than 1.0 and 1.1.
        let isCurrent = head.version.minor >= 1
        try RequestHead.check(head.headers["host"], isRequired: isCurrent)
        try RequestHead.check(head.uri, head.method)
        let expectations = isCurrent ? head.headers["expect"] : []
        guard expectations.allSatisfy({ $0.lowercased() == "100-continue" }) else {
            throw Problem(.expectationFailed, "Nothing but 100-continue can be expected.")
        }
        guard let request = try? HTTPRequest(head, secure: isSecure, splitCookie: false) else {
            throw Problem.malformedRequest
        }
        self.request = request
        self.expectsContinue = !expectations.isEmpty
        // The parser stops behind a request that asks for another protocol.
        self.isLast = !isCurrent || !head.isKeepAlive || head.headers.contains(name: "upgrade")
    }

    /// Exactly one `Host` (RFC 9112 §3.2).
    ///
    /// Which one is not checked: a service does not know the names that lead to it.
    private static func check(_ hosts: [String], isRequired: Bool) throws(Problem) {
        guard hosts.count == 1 || (hosts.isEmpty && !isRequired), hosts.allSatisfy(self.isHost) else {
            throw Problem(.badRequest, "A request has one Host, the name or address of the server.")
        }
    }

    private static func isHost(_ host: String) -> Bool {
        (1...261).contains(host.utf8.count)
            && host.utf8.allSatisfy { byte in
                ServerConfiguration.isHostByte(byte) || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]")
            }
    }

    /// A path, a URL, or `*` for `OPTIONS` (RFC 9112 §3.2), in printable ASCII.
    private static func check(_ target: String, _ method: HTTPMethod) throws(Problem) {
        let isKnownForm =
            target.hasPrefix("/") || target.hasPrefix("http://") || target.hasPrefix("https://")
            || (target == "*" && method == .OPTIONS)
        guard isKnownForm, method != .CONNECT, target.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(.badRequest, "The target of the request is no path of this server.")
        }
    }
}

extension Problem {
    /// What the parser refuses (RFC 9112 §2.2).
    static let malformedRequest = Problem(.badRequest, "The request is not HTTP/1.1.")
    /// A head beyond ``ConnectionLimits/headSize`` or ``ConnectionLimits/fieldCount`` (RFC 6585 §5).
    static let headTooLarge = Problem(.requestHeaderFieldsTooLarge, "The head of the request is too large.")
    /// A head or a body that does not arrive (RFC 9110 §15.5.9).
    static let requestTooSlow = Problem(.requestTimeout, "The request did not arrive in time.")
}
