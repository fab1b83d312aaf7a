// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird
import Testing

extension Router where Context == BasicRequestContext {
    /// Sends one request with credentials straight to the router, and holds the answer against the description.
    func answer(
        _ method: HTTPRequest.Method,
        _ path: String,
        json: String? = nil,
        authorization: String?,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Answer {
        var headers: HTTPFields = [:]
        headers[.authorization] = authorization
        let body = json.map { Array($0.utf8) }
        return try await self.answer(method, path, body, headers: headers, sourceLocation: sourceLocation)
    }
}
