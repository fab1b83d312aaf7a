// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import HTTPTypes
public import Hummingbird
import NIOCore

/// Why a request was not carried out, as the client learns it: problem details for HTTP APIs (RFC 9457).
public struct Problem: Error, Sendable, Hashable {
    /// A field of the request's body and what is wrong with it.
    public struct Fault: Sendable, Hashable, Encodable {
        /// The field's name in JSON.
        public let field: String
        /// What is wrong, to be read after the field's name.
        public let detail: String

        /// Creates a fault.
        public init(_ field: String, _ detail: String) {
            self.field = field
            self.detail = detail
        }
    }

    /// The status of the response.
    public let status: HTTPResponse.Status
    /// A sentence for a person; never holds what the client sent.
    public let detail: String?
    /// Every field that is wrong.
    public let errors: [Fault]
    /// Further fields of the response's head, for example `Allow`.
    public let headers: HTTPFields

    /// Creates a problem.
    public init(
        _ status: HTTPResponse.Status,
        _ detail: String? = nil,
        errors: [Fault] = [],
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers
    }

    /// Something that passes by itself (RFC 9110 §15.6.4).
    ///
    /// - Parameters:
    ///   - detail: what is wrong.
    ///   - seconds: when to try again.
    public static func unavailable(_ detail: String, retryAfter seconds: Int) -> Problem {
        Problem(.serviceUnavailable, detail, headers: [.retryAfter: "\(seconds)"])
    }
}

extension Problem {
    /// The response, with content type `application/problem+json`.
    public func response() -> Response {
        var headers = self.headers
        headers[.contentType] = Self.contentType
        return Response(status: self.status, headers: headers, body: ResponseBody(byteBuffer: self.body))
    }

    /// The response's body.
    var body: ByteBuffer {
        JSON.bytes(
            of: Body(
                title: self.status.reasonPhrase,
                status: self.status.code,
                detail: self.detail,
                errors: self.errors.isEmpty ? nil : self.errors
            )
        )
    }

    private struct Body: Encodable {
        let type = "about:blank"
        let title: String
        let status: Int
        let detail: String?
        let errors: [Fault]?
    }
}
