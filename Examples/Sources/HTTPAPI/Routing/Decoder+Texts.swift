// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension Decoder {
    /// Reads an object's fields, all of them texts, one by one, so that one answer names everything that is wrong.
    ///
    /// - Throws: ``Problem`` with status 400 that names each field that is missing or no text.
    func texts<Key: CodingKey & CaseIterable & Hashable>(of keys: Key.Type) throws -> [Key: String] {
        let container = try self.container(keyedBy: Key.self)
        var values: [Key: String] = [:]
        var faults: [Problem.Fault] = []
        for key in Key.allCases {
            do {
                values[key] = try container.decode(String.self, forKey: key)
            } catch DecodingError.keyNotFound {
                faults.append(Problem.Fault(key.stringValue, "is missing"))
            } catch {
                faults.append(Problem.Fault(key.stringValue, "must be a string"))
            }
        }
        guard faults.isEmpty else {
            throw Problem(.badRequest, "Some fields are missing or of the wrong type.", errors: faults)
        }
        return values
    }
}
