// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird

/// Answers `OPTIONS` with the methods of a path, or of all paths for `*` (RFC 9110 §9.3.7).
struct OptionsMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    let endpoints: [Endpoint]

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.method == .options else { return try await next(request, context) }
        let isForAll = request.head.path == "*"
        let endpoints = isForAll ? self.endpoints : self.endpoints.filter { $0.matches(request.uri.path) }
        guard let allow = endpoints.allow else { return try await next(request, context) }
        var response = Response(status: .noContent, headers: [.allow: allow])
        // RFC 9110 §8.6: none in an answer without content.
        response.headers[.contentLength] = nil
        return response
    }
}
