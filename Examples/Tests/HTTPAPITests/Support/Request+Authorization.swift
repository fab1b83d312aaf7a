// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird

extension Request {
    /// A request with credentials and nothing else.
    static func with(authorization: String?) -> Request {
        var head = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/")
        head.headerFields[.authorization] = authorization
        return Request(head: head, body: RequestBody(buffer: .init()))
    }
}
