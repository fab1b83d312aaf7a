// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

/// The body of a login; unknown fields are ignored.
struct LoginForm: Decodable {
    let username: String
    let password: String

    enum CodingKeys: String, CodingKey, CaseIterable {
        case username, password
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.texts(of: CodingKeys.self)
        self.username = values[.username] ?? ""
        self.password = values[.password] ?? ""
    }
}
