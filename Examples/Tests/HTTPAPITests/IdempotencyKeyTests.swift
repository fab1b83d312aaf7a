// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusUsers
import HTTPAPI
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@Suite("Idempotency-Key", .timeLimit(.minutes(1)))
struct IdempotencyKeyTests {
    private static let name = HTTPField.Name("Idempotency-Key")!

    private static func body(_ username: String = "ada", password: String = "correct horse") -> [UInt8] {
        Array(#"{"username":"\#(username)","email":"\#(username)@example.org","password":"\#(password)"}"#.utf8)
    }

    @Test("a further attempt gets the answer of the first")
    func sameAnswer() async throws {
        try await Application(responder: Router.api().buildResponder()).test(.router) { client in
            let key: HTTPFields = [Self.name: #""8e03978e-40d5-43dd-bc93-6894a57f9324""#]
            let first = try await client.answer(.post, "/api/users/register/", Self.body(), headers: key)
            #expect(first.status == 201)
            let again = try await client.answer(.post, "/api/users/register", Self.body(), headers: key)
            #expect(again.status == 201)
            #expect(again.text == first.text)
            let without = try await client.answer(.post, "/api/users/register/", Self.body())
            #expect(without.status == 409)
        }
    }

    @Test("of a hundred attempts with one key at the same time all get the same answer, and there is one event")
    func concurrentAttempts() async throws {
        let store = InMemoryStore()
        let texts = try await Application(responder: Router.api(store: store).buildResponder()).test(.router) {
            client in
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        let answer = try await client.answer(
                            .post,
                            "/api/users/register/",
                            Self.body(),
                            headers: [Self.name: "key"]
                        )
                        #expect(answer.status == 201)
                        return answer.text
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
        }
        #expect(texts.count == 1)
        try await store.outbox.withOwnership { outbox in
            let rows = try await outbox.exchange(published: [], limit: 100, except: HeldRows())
            #expect(rows.count == 1)
        }
    }

    @Test(
        "the key of a registration with other values is 422",
        arguments: [("ada", "another horse"), ("eve", "correct horse")]
    )
    func otherValues(_ username: String, _ password: String) async throws {
        try await Application(responder: Router.api().buildResponder()).test(.router) { client in
            let key: HTTPFields = [Self.name: "key"]
            #expect(try await client.answer(.post, "/api/users/register/", Self.body(), headers: key).status == 201)
            let body = Self.body(username, password: password)
            let other = try await client.answer(.post, "/api/users/register/", body, headers: key)
            #expect(other.status == 422)
            #expect(other.faultyFields == [])
            #expect(other.json["detail"] as? String != nil)
        }
    }

    @Test("what was refused is tried anew with the same key")
    func refused() async throws {
        try await Application(responder: Router.api().buildResponder()).test(.router) { client in
            let key: HTTPFields = [Self.name: "key"]
            let short = Self.body(password: "short")
            let refused = try await client.answer(.post, "/api/users/register/", short, headers: key)
            #expect(refused.status == 422)
            let accepted = try await client.answer(.post, "/api/users/register/", Self.body(), headers: key)
            #expect(accepted.status == 201)
        }
    }

    @Test("a malformed key is 400", arguments: ["", #""""#, "käse", String(repeating: "k", count: 256)])
    func malformed(_ key: String) async throws {
        let answer = try await Router.api()
            .answer(.post, "/api/users/register/", Self.body(), headers: [Self.name: key])
        #expect(answer.status == 400)
        #expect(answer.headers[.contentType] == "application/problem+json")
    }

    @Test("two keys are 400")
    func twoKeys() async throws {
        var headers: HTTPFields = [Self.name: "one"]
        headers.append(HTTPField(name: Self.name, value: "two"))
        let answer = try await Router.api().answer(.post, "/api/users/register/", Self.body(), headers: headers)
        #expect(answer.status == 400)
    }
}
