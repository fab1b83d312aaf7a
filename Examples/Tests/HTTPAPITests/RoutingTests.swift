// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI
import HTTPTypes
import Hummingbird
import Testing

@Suite("Routing", .timeLimit(.minutes(1)))
struct RoutingTests {
    @Test(
        "an unknown path is 404 for every method",
        arguments: ["/", "/api", "/api/users", "/api/users/register/more", "/api/accounts", "/favicon.ico", "/%00"],
        [HTTPRequest.Method.get, .post, .delete]
    )
    func unknownPath(_ path: String, _ method: HTTPRequest.Method) async throws {
        let answer = try await Router.api().answer(method, path)
        #expect(answer.status == 404)
        #expect(answer.headers[.contentType] == "application/problem+json")
        #expect(answer.json["status"] as? Int == 404)
    }

    @Test(
        "a known path with another method is 405 and says which are allowed",
        arguments: [
            ("/api/users/register", "POST"), ("/api/users/register/", "POST"), ("/healthz", "GET, HEAD"),
            ("/readyz", "GET, HEAD"), ("/api/accounts/x", "GET, HEAD"), ("/api/accounts/x/", "GET, HEAD"),
        ],
        ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]
    )
    func wrongMethod(_ endpoint: (path: String, allowed: String), _ method: String) async throws {
        let answer = try await Router.api().answer(try #require(HTTPRequest.Method(method)), endpoint.path)
        #expect(answer.status == 405)
        #expect(answer.headers[.allow] == endpoint.allowed)
        #expect(answer.headers[.contentType] == "application/problem+json")
    }

    @Test("HEAD is answered as GET without a body, errors too", arguments: [("/healthz", 200), ("/nothing", 404)])
    func head(_ path: String, _ status: Int) async throws {
        let answer = try await Router.api().answer(.head, path)
        #expect(answer.status == status)
        #expect(answer.text.isEmpty)
    }
}
