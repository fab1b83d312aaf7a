// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing

/// What an API answered, with its JSON taken apart.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPFields
    let text: String

    init(status: Int, headers: HTTPFields, text: String) {
        self.status = status
        self.headers = headers
        self.text = text
    }

    init(_ response: TestResponse) {
        self.status = response.status.code
        self.headers = response.headers
        self.text = String(buffer: response.body)
    }

    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(self.text.utf8)) as? [String: Any]) ?? [:]
    }

    /// The fields that a problem names, in order.
    var faultyFields: [String] {
        (self.json["errors"] as? [[String: String]] ?? []).compactMap { $0["field"] }
    }
}

extension Router where Context == BasicRequestContext {
    /// Sends one request straight to the router; see ``TestClientProtocol/answer(_:_:_:contentType:headers:isDescribed:sourceLocation:)``.
    func answer(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ body: [UInt8]? = nil,
        contentType: String? = "application/json",
        headers: HTTPFields = [:],
        isDescribed: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Answer {
        try await Application(responder: self.buildResponder()).test(.router) { client in
            try await client.answer(
                method,
                path,
                body,
                contentType: contentType,
                headers: headers,
                isDescribed: isDescribed,
                sourceLocation: sourceLocation
            )
        }
    }
}

extension TestClientProtocol {
    /// Sends a request, and holds the answer against the description that the same service serves.
    ///
    /// - Parameter isDescribed: whether the answer is one that clients may get, unless there is a bug.
    func answer(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ body: [UInt8]? = nil,
        contentType: String? = "application/json",
        headers: HTTPFields = [:],
        isDescribed: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Answer {
        let answer = try await self.plainAnswer(method, path, body, contentType: contentType, headers: headers)
        guard isDescribed else { return answer }
        let description = try APIDescription(await self.plainAnswer(.get, "/openapi.json").text)
        for fault in description.faults(in: answer, to: method, path) {
            Issue.record("\(method) \(path) \(answer.status): \(fault)", sourceLocation: sourceLocation)
        }
        return answer
    }

    private func plainAnswer(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ body: [UInt8]? = nil,
        contentType: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        if body != nil, let contentType { headers[.contentType] = contentType }
        let buffer = body.map { ByteBuffer(bytes: $0) }
        return Answer(try await self.execute(uri: path, method: method, headers: headers, body: buffer) { $0 })
    }

    func register(_ username: String, email: String? = nil) async throws -> Answer {
        let email = email ?? "\(username)@example.org"
        let body = #"{"username":"\#(username)","email":"\#(email)","password":"correct horse"}"#
        return try await self.answer(.post, "/api/users/register/", Array(body.utf8))
    }
}
