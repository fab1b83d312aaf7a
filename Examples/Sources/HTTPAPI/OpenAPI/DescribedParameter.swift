// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a request says outside of its body.
public struct DescribedParameter: Sendable, Hashable {
    /// Where it stands.
    public enum Place: String, Sendable, Hashable, Encodable {
        /// In braces in the path; always required.
        case path
        /// Behind the question mark.
        case query
        /// In the head.
        case header
    }

    /// Where it stands.
    public let place: Place
    /// Its name.
    public let name: String
    /// What it means.
    public let description: String
    /// The shape of its value.
    public let schema: Schema
    /// Whether a request without it is refused.
    public let isRequired: Bool

    /// Creates a parameter; one in the path is always required.
    public init(_ place: Place, _ name: String, _ description: String, _ schema: Schema, isRequired: Bool = false) {
        self.place = place
        self.name = name
        self.description = description
        self.schema = schema
        self.isRequired = isRequired || place == .path
    }
}

extension DescribedParameter: Encodable {
    private enum CodingKeys: String, CodingKey {
        case place = "in"
        case name, description, schema
        case isRequired = "required"
    }
}
