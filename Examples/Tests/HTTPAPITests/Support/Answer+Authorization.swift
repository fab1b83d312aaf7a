// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore

extension Router where Context == BasicRequestContext {
    /// Sends one request with credentials straight to the router.
    func answer(
        _ method: HTTPRequest.Method,
        _ path: String,
        json: String? = nil,
        authorization: String?
    ) async throws -> Answer {
        var headers: HTTPFields = [:]
        headers[.authorization] = authorization
        if json != nil { headers[.contentType] = "application/json" }
        let body = json.map { ByteBuffer(string: $0) }
        return try await Application(responder: self.buildResponder()).test(.router) { [headers] client in
            Answer(try await client.execute(uri: path, method: method, headers: headers, body: body) { $0 })
        }
    }
}
