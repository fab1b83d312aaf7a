// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import HTTPAPI

/// The check that every answer in these tests goes through finds what it is there for.
@Suite("What is not described")
struct APIDescriptionTests {
    private static let description: APIDescription = {
        var document = OpenAPIDocument(title: "test")
        let thing = Schema.named(
            "Thing",
            .object([
                Schema.Field("id", .uuid), Schema.Field("at", .time), Schema.Field("kind", .choice(["a", "b"])),
                Schema.Field("count", .integer(1...3), isRequired: false),
                Schema.Field("tags", .array(of: .string(pattern: "^x", length: 0...3)), isRequired: false),
            ])
        )
        let operation = HTTPAPI.Operation(
            "getThing",
            "Returns a thing.",
            answers: [
                .json(.ok, "The thing.", thing, headers: [DescribedHeader(.eTag, "Its version.", .string())]),
                DescribedAnswer(.noContent, "Nothing."),
            ]
        )
        document.add(operation, .get, "/things/{id}")
        // Without this nothing here is worth anything, so that a failure may end the tests.
        // swift-format-ignore: NeverUseForceTry
        return try! APIDescription(String(buffer: JSON.bytes(of: document)))
    }()

    private static let good = """
        {"id":"0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11","at":"2026-01-01T00:00:00Z","kind":"a"
        """

    private static func faults(
        _ status: HTTPResponse.Status,
        _ text: String,
        _ headers: HTTPFields = [.contentType: "application/json", .eTag: "1"],
        to method: HTTPRequest.Method = .get,
        _ path: String = "/things/1"
    ) -> [String] {
        self.description.faults(in: Answer(status: status.code, headers: headers, text: text), to: method, path)
    }

    @Test func whatIsDescribedIsFine() {
        #expect(Self.faults(.ok, Self.good + "}") == [])
        #expect(Self.faults(.ok, Self.good + #","count":3,"tags":["x","xyz"]}"#, to: .get, "/things/1/?a=b") == [])
        #expect(Self.faults(.ok, "", to: .head) == [])
        #expect(Self.faults(.noContent, "", [:]) == [])
    }

    @Test(arguments: [
        (#","more":1}"#, "body.more is not described"), (#","count":4}"#, "body.count: it is out of range"),
        (#","count":1.5}"#, "body.count: it is no whole number"), (#","count":"1"}"#, "body.count: it is no integer"),
        (#","tags":["y"]}"#, "body.tags[0]: it does not match ^x"),
        (#","tags":["x",1]}"#, "body.tags[1]: it is no string"),
        (#","tags":["xxxx"]}"#, "body.tags[0]: it is too short or too long"), ("", "the body is no JSON"),
    ])
    func aFieldThatIsNotDescribedIsFound(rest: String, fault: String) {
        #expect(Self.faults(.ok, Self.good + rest) == [fault])
    }

    @Test func fieldsThatAreMissingOrWrongAreFound() {
        #expect(
            Self.faults(.ok, #"{"id":"1","kind":"c"}"#)
                == ["body.at is missing", "body.id: it is no UUID", "body.kind: it is none of the choices"]
        )
        #expect(Self.faults(.ok, Self.good.replacing("T", with: " ") + "}") == ["body.at: it is no time"])
        #expect(Self.faults(.ok, "[]") == ["body: it is no object"])
    }

    @Test func answersThatAreNotDescribedAreFound() {
        let good = Self.good + "}"
        #expect(Self.faults(.created, good) == ["status 201 is not described"])
        #expect(Self.faults(.internalServerError, good) == ["status 500 is not described"])
        #expect(Self.faults(.ok, good, [.contentType: "application/json"]) == ["ETag is missing"])
        #expect(Self.faults(.ok, good, [.contentType: "text/plain", .eTag: "1"]).count == 1)
        #expect(Self.faults(.ok, good, to: .head) == ["there is a body"])
        #expect(Self.faults(.noContent, good) == ["there is a body"])
        #expect(Self.faults(.ok, good, to: .put).contains("the method is not described"))
        #expect(Self.faults(.ok, good, to: .get, "/nothing").contains("the path is not described"))
        #expect(Self.faults(.notFound, "", to: .get, "/nothing").count == 1)
    }
}
