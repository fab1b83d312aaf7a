// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import JWTKit

/// What an access token says: the claims of RFC 7519 §4.1, with times in seconds since 1970.
struct AccessToken: JWTPayload, Hashable {
    /// `iss`: who issued it.
    var issuer: String
    /// `aud`: who is to accept it; on the wire a text or an array of texts.
    var audience: [String]
    /// `sub`: the user's id.
    var subject: String
    /// `iat`: since when it exists.
    var issuedAt: Double?
    /// `nbf`: from when on it may be accepted.
    var notBefore: Double?
    /// `exp`: from when on it must not be accepted any more.
    var expiresAt: Double
    /// `jti`: tells it from every other one.
    var id: String?

    /// Claims are checked by ``TokenRules``, which know the time.
    func verify(using algorithm: some JWTAlgorithm) async throws {}
}

extension AccessToken: Codable {
    enum CodingKeys: String, CodingKey {
        case issuer = "iss"
        case audience = "aud"
        case subject = "sub"
        case issuedAt = "iat"
        case notBefore = "nbf"
        case expiresAt = "exp"
        case id = "jti"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.issuer = try container.decode(String.self, forKey: .issuer)
        if let audience = try? container.decode(String.self, forKey: .audience) {
            self.audience = [audience]
        } else {
            self.audience = try container.decode([String].self, forKey: .audience)
        }
        self.subject = try container.decode(String.self, forKey: .subject)
        self.issuedAt = try container.decodeIfPresent(Double.self, forKey: .issuedAt)
        self.notBefore = try container.decodeIfPresent(Double.self, forKey: .notBefore)
        self.expiresAt = try container.decode(Double.self, forKey: .expiresAt)
        self.id = try container.decodeIfPresent(String.self, forKey: .id)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.issuer, forKey: .issuer)
        if self.audience.count == 1 {
            try container.encode(self.audience[0], forKey: .audience)
        } else {
            try container.encode(self.audience, forKey: .audience)
        }
        try container.encode(self.subject, forKey: .subject)
        try container.encodeIfPresent(self.issuedAt, forKey: .issuedAt)
        try container.encodeIfPresent(self.notBefore, forKey: .notBefore)
        try container.encode(self.expiresAt, forKey: .expiresAt)
        try container.encodeIfPresent(self.id, forKey: .id)
    }
}
