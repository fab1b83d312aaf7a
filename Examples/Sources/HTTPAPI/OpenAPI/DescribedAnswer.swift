// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import HTTPTypes

/// One of the answers that an operation can give.
public struct DescribedAnswer: Sendable, Hashable {
    /// The status; an operation describes each one once.
    public let status: HTTPResponse.Status
    /// When it is given.
    public let description: String
    /// The shape of the body for each content type; empty where there is no body.
    public let content: [String: Schema]
    /// The fields of the head that a client may rely on, apart from those of every answer.
    public let headers: [DescribedHeader]

    /// Creates an answer.
    public init(
        _ status: HTTPResponse.Status,
        _ description: String,
        content: [String: Schema] = [:],
        headers: [DescribedHeader] = []
    ) {
        self.status = status
        self.description = description
        self.content = content
        self.headers = headers
    }

    /// An answer with a body of `application/json`.
    public static func json(
        _ status: HTTPResponse.Status,
        _ description: String,
        _ schema: Schema,
        headers: [DescribedHeader] = []
    ) -> DescribedAnswer {
        DescribedAnswer(status, description, content: ["application/json": schema], headers: headers)
    }

    /// An answer with problem details (RFC 9457).
    public static func problem(
        _ status: HTTPResponse.Status,
        _ description: String,
        headers: [DescribedHeader] = []
    ) -> DescribedAnswer {
        DescribedAnswer(status, description, content: [Problem.contentType: Problem.schema], headers: headers)
    }
}

extension DescribedAnswer: Encodable {
    private enum CodingKeys: CodingKey {
        case description, headers, content
    }

    private struct MediaType: Encodable {
        let schema: Schema
    }

    /// Encodes a Response Object of OpenAPI, which does not hold the status.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.description, forKey: .description)
        if !self.headers.isEmpty {
            let headers = Dictionary(uniqueKeysWithValues: self.headers.map { ($0.name.rawName, $0) })
            try container.encode(headers, forKey: .headers)
        }
        if !self.content.isEmpty {
            try container.encode(self.content.mapValues(MediaType.init), forKey: .content)
        }
    }
}
