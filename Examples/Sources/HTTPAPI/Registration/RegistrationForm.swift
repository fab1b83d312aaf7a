// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers
import HTTPTypes

/// The body of a registration; unknown fields are ignored.
struct RegistrationForm: Decodable {
    let registration: Registration

    enum CodingKeys: String, CodingKey, CaseIterable {
        case username, email, password
    }

    /// Reads field by field, so that one answer names everything that is wrong.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        var values: [CodingKeys: String] = [:]
        var faults: [Problem.Fault] = []
        for key in CodingKeys.allCases {
            do {
                values[key] = try container.decode(String.self, forKey: key)
            } catch DecodingError.keyNotFound {
                faults.append(Problem.Fault(key.rawValue, "is missing"))
            } catch {
                faults.append(Problem.Fault(key.rawValue, "must be a string"))
            }
        }
        guard let username = values[.username], let email = values[.email], let password = values[.password] else {
            throw Problem(.badRequest, "Some fields are missing or of the wrong type.", errors: faults)
        }
        self.registration = Registration(username: username, email: email, password: password)
    }
}
