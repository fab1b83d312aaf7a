// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers
import HTTPTypes
import Hummingbird

extension HTTPField.Name {
    /// What makes several attempts of a client one request (draft-ietf-httpapi-idempotency-key-header).
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
}

extension Request {
    /// The key of the request; `nil` if the client has sent none.
    ///
    /// - Throws: ``Problem`` with status 400 if it is malformed, or if there are several.
    func idempotencyKey() throws(Problem) -> IdempotencyKey? {
        let values = self.headers[values: .idempotencyKey]
        guard let value = values.first else { return nil }
        guard values.count == 1, let key = try? IdempotencyKey(value) else {
            throw Problem(.badRequest, "An Idempotency-Key must have 1 to 255 printable ASCII characters.")
        }
        return key
    }
}
