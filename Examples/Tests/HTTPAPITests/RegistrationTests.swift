// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusUsers
import Foundation
import HTTPAPI
import Hummingbird
import HummingbirdTesting
import Testing

@Suite("Registration over HTTP", .timeLimit(.minutes(1)))
struct RegistrationTests {
    @Test("a new user is answered with 201 and without the password", arguments: ["", "/"])
    func created(_ slash: String) async throws {
        let body = #"{"username":"Ada","email":"Ada@example.org","password":"correct horse","is_admin":true}"#
        let answer = try await Router.api().answer(.post, "/api/users/register" + slash, Array(body.utf8))
        #expect(answer.status == 201)
        #expect(answer.headers[.contentType] == "application/json")
        #expect(Set(answer.json.keys) == ["id", "username", "email", "created_at"])
        #expect(answer.json["username"] as? String == "Ada")
        #expect(answer.json["email"] as? String == "Ada@example.org")
        #expect((answer.json["id"] as? String).flatMap { Identifier($0) } != nil)
        let time = try #require(answer.json["created_at"] as? String)
        #expect(time.hasSuffix("Z"))
        #expect(time.hasPrefix("20"))
    }

    @Test(
        "content types that say JSON are fine",
        arguments: ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"]
    )
    func contentTypes(_ type: String) async throws {
        let body = Array(#"{"username":"ada","email":"ada@example.org","password":"correct horse"}"#.utf8)
        let answer = try await Router.api().answer(.post, "/api/users/register/", body, contentType: type)
        #expect(answer.status == 201)
    }

    @Test("a taken name or address, in any letter case, is 409 and names what is taken")
    func taken() async throws {
        try await Application(responder: Router.api().buildResponder()).test(.router) { client in
            #expect(try await client.register("ada").status == 201)
            let name = try await client.register("ADA", email: "other@example.org")
            #expect(name.status == 409)
            #expect(name.faultyFields == ["username"])
            let address = try await client.register("grace", email: "ADA@EXAMPLE.ORG")
            #expect(address.status == 409)
            #expect(address.faultyFields == ["email"])
            let both = try await client.register("ada")
            #expect(both.faultyFields == ["username", "email"])
            #expect(both.headers[.contentType] == "application/problem+json")
        }
    }

    @Test("of a hundred attempts at one name at the same time one is 201, the others are 409, and there is one event")
    func concurrentAttempts() async throws {
        let store = InMemoryStore()
        try await Application(responder: Router.api(store: store).buildResponder()).test(.router) { client in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<100 {
                    group.addTask { try await client.register("ada", email: "ada\(number)@example.org").status }
                }
                return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [201: 1, 409: 99])
        }
        try await store.outbox.withOwnership { outbox in
            let rows = try await outbox.exchange(published: [], limit: 100, except: HeldRows())
            #expect(rows.map(\.message.topic) == ["user.created"])
        }
    }

    @Test("the answer and the event have the same time, to the millisecond")
    func sameTime() async throws {
        let store = InMemoryStore()
        let times = try await Application(responder: Router.api(store: store).buildResponder()).test(.router) {
            client in
            var times: [String] = []
            for number in 0..<100 {
                times.append(try #require(try await client.register("user\(number)").json["created_at"] as? String))
            }
            return times
        }
        try await store.outbox.withOwnership { outbox in
            let rows = try await outbox.exchange(published: [], limit: 100, except: HeldRows())
            let events = try rows.map { row in
                let event = try JSONSerialization.jsonObject(with: Data(row.message.body)) as? [String: String]
                return try #require(event?["created_at"])
            }
            #expect(events == times)
        }
    }

    @Test("an overloaded hasher is 503 with Retry-After")
    func overloaded() async throws {
        let router = Router.api(hasher: FailingHasher(error: HasherOverloaded()))
        let answer = try await router.answer(.post, "/api/users/register/", Self.body)
        #expect(answer.status == 503)
        #expect(answer.headers[.retryAfter] == "1")
        #expect(answer.headers[.contentType] == "application/problem+json")
    }

    @Test(
        "a store that is away or busy is 503 with Retry-After",
        arguments: [RepositoryError.Code.unavailable, .commitUnknown, .serialization]
    )
    func storeAway(_ code: RepositoryError.Code) async throws {
        let router = Router.api(store: FailingStore(error: RepositoryError(code, "secret of the store")))
        let answer = try await router.answer(.post, "/api/users/register/", Self.body)
        #expect(answer.status == 503)
        #expect(answer.headers[.retryAfter] == "5")
        #expect(!answer.text.contains("secret"))
    }

    @Test("what nobody expects is 500 without details")
    func unexpected() async throws {
        struct Secret: Error { let text = "secret of the hasher" }
        let failures: [Router<BasicRequestContext>] = [
            .api(store: FailingStore(error: RepositoryError(.database, "secret of the store"))),
            .api(hasher: FailingHasher(error: Secret())),
        ]
        for router in failures {
            let answer = try await router.answer(.post, "/api/users/register/", Self.body, isDescribed: false)
            #expect(answer.status == 500)
            #expect(answer.headers[.contentType] == "application/problem+json")
            #expect(!answer.text.contains("secret"))
        }
    }

    private static let body = Array(#"{"username":"ada","email":"ada@example.org","password":"correct horse"}"#.utf8)
}
