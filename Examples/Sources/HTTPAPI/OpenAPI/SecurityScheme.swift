// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// How a client says who it is.
public enum SecurityScheme: String, Sendable, Hashable, CaseIterable {
    /// `Authorization: Bearer …` with a JWT (RFC 6750 §2.1).
    case bearer
}

extension SecurityScheme: Encodable {
    private enum CodingKeys: CodingKey {
        case type, scheme, bearerFormat
    }

    /// Encodes a Security Scheme Object of OpenAPI.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .bearer:
            try container.encode("http", forKey: .type)
            try container.encode("bearer", forKey: .scheme)
            try container.encode("JWT", forKey: .bearerFormat)
        }
    }
}
