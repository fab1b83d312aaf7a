// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers

/// The body of a registration; unknown fields are ignored.
struct RegistrationForm: Decodable {
    let registration: Registration

    enum CodingKeys: String, CodingKey, CaseIterable {
        case username, email, password
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.texts(of: CodingKeys.self)
        self.registration = Registration(
            username: values[.username] ?? "",
            email: values[.email] ?? "",
            password: values[.password] ?? ""
        )
    }
}
