// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import HTTPAPI

@Suite("Ids of requests", .timeLimit(.minutes(1)))
struct RequestIDTests {
    static let name = HTTPField.Name.requestID

    @Test(
        "a client's id that harms nobody is accepted and returned, with errors too",
        arguments: [
            "a", "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11", "a/b+c=d:e.f_g~h", String(repeating: "x", count: 128),
        ],
        ["/healthz", "/nothing"]
    )
    func accepted(_ id: String, _ path: String) async throws {
        let answer = try await Router.api().answer(.get, path, headers: [Self.name: id])
        #expect(answer.headers[Self.name] == id)
    }

    @Test(
        "any other id is replaced",
        arguments: [
            "", " ", "a b", "a\tb", "ä", "a,b", "<script>", "\"", "a;b", "${jndi:x}", "%0A",
            String(repeating: "x", count: 129),
        ]
    )
    func replaced(_ id: String) async throws {
        #expect(!RequestIDMiddleware.isAcceptable(id))
        let answer = try await Router.api().answer(.get, "/healthz", headers: [Self.name: id])
        let own = try #require(answer.headers[Self.name])
        #expect(own != id)
        #expect(RequestIDMiddleware.isAcceptable(own))
    }

    @Test("without an id each request gets one of its own")
    func made() async throws {
        let router = Router.api()
        let ids = [
            try await router.answer(.get, "/healthz").headers[Self.name],
            try await router.answer(.get, "/healthz").headers[Self.name],
        ]
        #expect(ids[0] != ids[1])
        #expect(ids.allSatisfy { $0 != nil })
    }

    @Test("log lines of a request have its id and no other one")
    func logged() async throws {
        let log = LogRecorder()
        let failing = Router.api(hasher: FailingHasher(error: Unexpected()))
        let body = Array(#"{"username":"ada","email":"ada@example.org","password":"correct horse"}"#.utf8)
        let answer = try await Application(responder: failing.buildResponder(), logger: log.logger).test(.router) {
            let headers: HTTPFields = [Self.name: "from-the-client"]
            return try await $0.answer(.post, "/api/users/register/", body, headers: headers, isDescribed: false)
        }
        #expect(answer.status == 500)
        let line = try #require(log.lines.first { $0.contains("failed unexpectedly") })
        #expect(line.contains("hb.request.id=from-the-client"))
    }

    private struct Unexpected: Error {}
}
