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
            ("/api/users/register", "OPTIONS, POST"), ("/api/users/register/", "OPTIONS, POST"),
            ("/healthz", "GET, HEAD, OPTIONS"), ("/readyz", "GET, HEAD, OPTIONS"),
            ("/api/accounts/x", "GET, HEAD, OPTIONS"), ("/api/accounts/x/", "GET, HEAD, OPTIONS"),
        ],
        ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"]
    )
    func wrongMethod(_ endpoint: (path: String, allowed: String), _ method: String) async throws {
        let answer = try await Router.api().answer(try #require(HTTPRequest.Method(method)), endpoint.path)
        #expect(answer.status == 405)
        #expect(answer.headers[.allow] == endpoint.allowed)
        #expect(answer.headers[.contentType] == "application/problem+json")
    }

    @Test(
        "OPTIONS is answered with the methods of a path, or of all",
        arguments: [
            ("/api/users/register", "OPTIONS, POST"), ("/api/users/register/", "OPTIONS, POST"),
            ("/healthz", "GET, HEAD, OPTIONS"), ("/api/accounts/x", "GET, HEAD, OPTIONS"),
            ("*", "GET, HEAD, OPTIONS, POST"),
        ]
    )
    func options(_ path: String, _ allow: String) async throws {
        let answer = try await Router.api().answer(.options, path, isDescribed: path != "*")
        #expect(answer.status == 204)
        #expect(answer.headers[.allow] == allow)
        #expect(answer.headers[.contentLength] == nil)
        #expect(answer.text.isEmpty)
    }

    @Test("OPTIONS of an unknown path is 404")
    func optionsOfNothing() async throws {
        #expect(try await Router.api().answer(.options, "/nothing").status == 404)
    }

    @Test(
        "HEAD is answered as GET without a body, errors too",
        arguments: [("/healthz", 200), ("/nothing", 404), ("/api/accounts/x", 404), ("/api/users/register", 405)]
    )
    func head(_ path: String, _ status: Int) async throws {
        let router = Router.api()
        let get = try await router.answer(.get, path)
        let head = try await router.answer(.head, path)
        #expect(head.status == status)
        #expect(head.text.isEmpty)
        #expect(get.status == status)
        #expect(!get.text.isEmpty)
        for name in [HTTPField.Name.contentType, .contentLength, .allow, .cacheControl] {
            #expect(head.headers[name] == get.headers[name], "\(name)")
        }
        #expect(head.headers[.contentLength] == "\(get.text.utf8.count)")
    }

    @Test("answers that change, and errors, are kept out of caches", arguments: ["/healthz", "/readyz", "/nothing"])
    func noStore(_ path: String) async throws {
        #expect(try await Router.api().answer(.get, path).headers[.cacheControl] == "no-store")
    }

    @Test("an endpoint can say itself how long its answer holds")
    func ownCacheControl() async throws {
        let operation = Operation("keys", "Returns nothing.", answers: [DescribedAnswer(.ok, "Nothing.")])
        let endpoint = Endpoint(.get, "/keys", operation) { _, _ in
            Response(status: .ok, headers: [.cacheControl: "max-age=60"])
        }
        let router = Router(named: "test", serving: [endpoint])
        #expect(try await router.answer(.get, "/keys").headers[.cacheControl] == "max-age=60")
    }
}
