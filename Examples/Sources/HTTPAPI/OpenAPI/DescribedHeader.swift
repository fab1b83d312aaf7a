// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import HTTPTypes

/// A field of an answer's head.
public struct DescribedHeader: Sendable, Hashable {
    /// The field's name.
    public let name: HTTPField.Name
    /// What it says.
    public let description: String
    /// The shape of its value.
    public let schema: Schema
    /// Whether the field is always there.
    public let isRequired: Bool

    /// Creates a header.
    public init(_ name: HTTPField.Name, _ description: String, _ schema: Schema, isRequired: Bool = true) {
        self.name = name
        self.description = description
        self.schema = schema
        self.isRequired = isRequired
    }

    /// The seconds after which to try again (RFC 9110 §10.2.3).
    public static let retryAfter = DescribedHeader(
        .retryAfter,
        "The seconds after which to try again.",
        .integer(0...86_400)
    )
}

extension DescribedHeader: Encodable {
    private enum CodingKeys: CodingKey {
        case description, required, schema
    }

    /// Encodes a Header Object of OpenAPI, which does not hold the name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.description, forKey: .description)
        try container.encode(self.isRequired, forKey: .required)
        try container.encode(self.schema, forKey: .schema)
    }
}
