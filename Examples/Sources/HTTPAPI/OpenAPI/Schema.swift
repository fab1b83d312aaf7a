// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The shape of a JSON value: the part of JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1) that this API needs.
///
/// Objects are open: fields may be added to answers later, and those of a request that nobody knows are ignored.
public indirect enum Schema: Sendable, Hashable {
    /// A text; the length is counted in Unicode code points.
    case string(format: String? = nil, pattern: String? = nil, length: ClosedRange<Int>? = nil)
    /// One of several texts.
    case choice([String])
    /// A whole number.
    case integer(ClosedRange<Int64>? = nil)
    /// A list of values of one shape.
    case array(of: Schema)
    /// An object with the fields that are known.
    case object([Field] = [])
    /// A schema that stands once in the document, under a name, and is referred to from everywhere else.
    case named(String, Schema)

    /// A field of an object.
    public struct Field: Sendable, Hashable {
        /// The field's name in JSON.
        public let name: String
        /// The shape of its value.
        public let schema: Schema
        /// Whether the field is always there.
        public let isRequired: Bool
        /// What the schema cannot say.
        public let description: String?

        /// Creates a field.
        public init(_ name: String, _ schema: Schema, isRequired: Bool = true, _ description: String? = nil) {
            self.name = name
            self.schema = schema
            self.isRequired = isRequired
            self.description = description
        }
    }
}

extension Schema {
    /// A UUID of RFC 9562 in lower case.
    public static let uuid = Schema.string(format: "uuid")
    /// A time of RFC 3339.
    public static let time = Schema.string(format: "date-time")

    /// All named schemas in this one, itself included.
    var named: [String: Schema] {
        switch self {
        case .named(let name, let schema): schema.named.merging([name: schema]) { $1 }
        case .array(let element): element.named
        case .object(let fields): fields.reduce(into: [:]) { $0.merge($1.schema.named) { $1 } }
        case .string, .choice, .integer: [:]
        }
    }
}

extension Schema: Encodable {
    private enum CodingKeys: String, CodingKey {
        case type, format, pattern, minLength, maxLength, minimum, maximum, items, properties, required
        case choices = "enum"
        case reference = "$ref"
    }

    /// Encodes the schema as a JSON Schema, or as a reference to the components of the document.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .string(let format, let pattern, let length):
            try container.encode("string", forKey: .type)
            try container.encodeIfPresent(format, forKey: .format)
            try container.encodeIfPresent(pattern, forKey: .pattern)
            try container.encodeIfPresent(length?.lowerBound, forKey: .minLength)
            try container.encodeIfPresent(length?.upperBound, forKey: .maxLength)
        case .choice(let texts):
            try container.encode("string", forKey: .type)
            try container.encode(texts, forKey: .choices)
        case .integer(let range):
            try container.encode("integer", forKey: .type)
            try container.encodeIfPresent(range?.lowerBound, forKey: .minimum)
            try container.encodeIfPresent(range?.upperBound, forKey: .maximum)
        case .array(let element):
            try container.encode("array", forKey: .type)
            try container.encode(element, forKey: .items)
        case .object(let fields):
            try container.encode("object", forKey: .type)
            guard !fields.isEmpty else { return }
            try container.encode(Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0) }), forKey: .properties)
            let required = fields.filter(\.isRequired).map(\.name)
            if !required.isEmpty { try container.encode(required, forKey: .required) }
        case .named(let name, _):
            try container.encode("#/components/schemas/\(name)", forKey: .reference)
        }
    }
}

extension Schema.Field: Encodable {
    private enum CodingKeys: CodingKey {
        case description
    }

    /// Encodes the schema of the value and, beside it, the description.
    public func encode(to encoder: any Encoder) throws {
        try self.schema.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(self.description, forKey: .description)
    }
}
