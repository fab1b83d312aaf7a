// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

/// What a client may know about an endpoint: what it takes and everything that it answers.
///
/// It stands in the description that services serve at `/openapi.json`. Tests hold every answer against it.
public struct Operation: Sendable, Hashable {
    /// Identifies the operation, for example in generated clients: `registerUser`.
    public let name: String
    /// What it does, in a sentence.
    public let summary: String
    /// What a request says outside of its body.
    public let parameters: [DescribedParameter]
    /// The shape of the request's body, which is `application/json`; `nil` where there is none.
    public let body: Schema?
    /// The answers of its own; ``answers`` has those that every operation can give as well.
    public let ownAnswers: [DescribedAnswer]
    /// How a client has to say who it is; empty where anybody may ask.
    public let security: [SecurityScheme]

    /// Creates the description of an operation.
    ///
    /// - Parameters:
    ///   - name: identifies the operation in the API.
    ///   - summary: what it does, in a sentence.
    ///   - parameters: what a request says outside of its body.
    ///   - body: the shape of the request's body.
    ///   - security: how a client says who it is; one of them is enough.
    ///   - answers: what is answered, apart from what every operation can answer. An answer with the same status as one of
    ///     those takes its place.
    public init(
        _ name: String,
        _ summary: String,
        parameters: [DescribedParameter] = [],
        body: Schema? = nil,
        security: [SecurityScheme] = [],
        answers: [DescribedAnswer]
    ) {
        self.name = name
        self.summary = summary
        self.parameters = parameters
        self.body = body
        self.security = security
        self.ownAnswers = answers
    }

    /// Everything that can be answered, each status once.
    var answers: [DescribedAnswer] {
        let own = Set(self.ownAnswers.map(\.status))
        return self.ownAnswers + self.commonAnswers.filter { !own.contains($0.status) }
    }
}

extension Operation: Encodable {
    private enum CodingKeys: String, CodingKey {
        case name = "operationId"
        case body = "requestBody"
        case answers = "responses"
        case summary, parameters, security
    }

    private struct Body: Encodable {
        struct Content: Encodable { let schema: Schema }
        let required = true
        let content: [String: Content]
    }

    /// Encodes an Operation Object of OpenAPI.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.name, forKey: .name)
        try container.encode(self.summary, forKey: .summary)
        if !self.parameters.isEmpty { try container.encode(self.parameters, forKey: .parameters) }
        if let body = self.body {
            try container.encode(Body(content: ["application/json": .init(schema: body)]), forKey: .body)
        }
        let answers = Dictionary(uniqueKeysWithValues: self.answers.map { ("\($0.status.code)", $0) })
        try container.encode(answers, forKey: .answers)
        if !self.security.isEmpty {
            try container.encode(self.security.map { [$0.rawValue: [String]()] }, forKey: .security)
        }
    }
}
