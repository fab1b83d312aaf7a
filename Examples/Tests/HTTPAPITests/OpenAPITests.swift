// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPayments
import EventBusPersistence
import EventBusUsers
import HTTPTypes
import Hummingbird
import Testing

@testable import HTTPAPI

/// What services say about themselves at `/openapi.json`.
@Suite("The description of an API", .timeLimit(.minutes(1)))
struct OpenAPITests {
    @Test("an operation has everything that every operation can answer, and what it says of its own comes first")
    func commonAnswers() {
        let own = DescribedAnswer(.serviceUnavailable, "Own.")
        let plain = HTTPAPI.Operation("a", "A.", answers: [own])
        #expect(Set(plain.answers.map(\.status.code)) == [400, 405, 408, 417, 431, 503])
        #expect(plain.answers.first == own)
        let secured = HTTPAPI.Operation("a", "A.", body: .object(), security: [.bearer], answers: [])
        #expect(Set(secured.answers.map(\.status.code)) == [400, 401, 405, 408, 413, 415, 417, 431, 503])
        for answer in secured.answers { #expect(answer.content["application/problem+json"] == Problem.schema) }
        let waits = secured.answers.filter { $0.headers.contains(.retryAfter) }
        #expect(waits.map(\.status) == [.serviceUnavailable])
    }

    @Test("a document has the shape that OpenAPI 3.1 gives it")
    func shape() throws {
        let name = Schema.named("Name", .string(pattern: "^a", length: 1...5))
        let operation = HTTPAPI.Operation(
            "rename",
            "Renames.",
            parameters: [DescribedParameter(.path, "id", "The id.", .uuid)],
            body: .object([Schema.Field("name", name, "The name.")]),
            security: [.bearer],
            answers: [
                .json(
                    .ok,
                    "Done.",
                    .array(of: .integer(0...9)),
                    headers: [DescribedHeader(.eTag, "Version.", .string())]
                )
            ]
        )
        var document = OpenAPIDocument(title: "test")
        document.add(operation, .post, "/things/{id}")
        let json = try JSONValue(String(buffer: JSON.bytes(of: document)))
        #expect(json["openapi"] == .string("3.1.0"))
        #expect(json["info"]?["title"] == .string("test"))
        #expect(json["info"]?["version"] == .string("1"))
        #expect(json["components"]?["schemas"]?.fields?.keys.sorted() == ["Name", "Problem"])
        #expect(
            json["components"]?["schemas"]?["Name"]
                == .object([
                    "type": .string("string"), "pattern": .string("^a"), "minLength": .number(1),
                    "maxLength": .number(5),
                ])
        )
        #expect(json["components"]?["securitySchemes"]?["bearer"]?["scheme"] == .string("bearer"))

        let described = try #require(json["paths"]?["/things/{id}"]?["post"])
        #expect(described["operationId"] == .string("rename"))
        #expect(described["security"] == .array([.object(["bearer": .array([])])]))
        let parameter = try #require(described["parameters"]?.elements?.first)
        #expect(parameter["in"] == .string("path"))
        #expect(parameter["required"] == .bool(true))
        #expect(parameter["schema"]?["format"] == .string("uuid"))
        #expect(described["requestBody"]?["required"] == .bool(true))
        let body = described["requestBody"]?["content"]?["application/json"]?["schema"]
        #expect(
            body
                == .object([
                    "type": .string("object"), "required": .array([.string("name")]),
                    "properties": .object([
                        "name": .object([
                            "$ref": .string("#/components/schemas/Name"), "description": .string("The name."),
                        ])
                    ]),
                ])
        )
        let answer = try #require(described["responses"]?["200"])
        #expect(answer["description"] == .string("Done."))
        #expect(answer["headers"]?["ETag"]?["required"] == .bool(true))
        let numbers = answer["content"]?["application/json"]?["schema"]
        #expect(numbers?["items"]?["maximum"] == .number(9))
    }

    struct Service: Sendable, CustomTestStringConvertible {
        let name: String
        let endpoints: [Endpoint]
        var testDescription: String { self.name }
    }

    static let services: [Service] = {
        let users = RegistrationAPI(Users(store: InMemoryStore(), hasher: CheapHasher())).endpoints
        let issuer = TokenIssuer(.generated(), rules: TokenRules())
        let logins = LoginAPI(Users(store: InMemoryStore(), hasher: CheapHasher()), issuer: issuer).endpoints
        let payments = Payments(store: InMemoryStore())
        let accounts = AccountAPI(payments).endpoints
        let ownAccounts = AccountAPI(payments, authenticator: issuer.authenticator).endpoints
        let health = HealthAPI(Readiness(requires: [])).endpoints
        return [
            Service(name: "user-service", endpoints: users + health),
            Service(name: "payment-service", endpoints: accounts + health),
            Service(name: "user-service with a key", endpoints: users + logins + health),
            Service(name: "payment-service with keys", endpoints: ownAccounts + health),
            Service(name: "demo", endpoints: users + logins + ownAccounts + health),
        ]
    }()

    @Test("every endpoint of a service is described, and all that is referred to is there", arguments: services)
    func complete(_ service: Service) async throws {
        let router = Router(named: service.name, serving: service.endpoints)
        let answer = try await router.answer(.get, "/openapi.json")
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "application/json")
        let description = try APIDescription(answer.text)
        let paths = try #require(description.document["paths"]?.fields)
        #expect(Set(paths.keys) == Set(service.endpoints.map(\.path) + ["/openapi.json"]))
        var names: [String] = []
        for endpoint in service.endpoints {
            let operation = try #require(paths[endpoint.path]?[endpoint.method.rawValue.lowercased()])
            names.append(try #require(operation["operationId"]?.text))
            #expect(operation["summary"]?.text?.hasSuffix(".") == true)
            let answers = try #require(operation["responses"]?.fields)
            #expect(answers.keys.contains { $0.hasPrefix("2") }, "\(endpoint.path) can succeed")
            #expect(answers["500"] == nil, "a bug is no promise")
            let inBraces = endpoint.path.matches(of: /\{([a-z_]+)\}/).map { String($0.1) }
            let parameters = (operation["parameters"]?.elements ?? []).filter { $0["in"] == .string("path") }
            #expect(parameters.compactMap { $0["name"]?.text } == inBraces)
        }
        #expect(Set(names).count == names.count)
        let references = answer.text.matches(of: /"\$ref":"([^"]+)"/).map { String($0.1) }
        #expect(!references.isEmpty)
        for reference in references { #expect(description.component(reference) != nil, "\(reference)") }
    }
}
