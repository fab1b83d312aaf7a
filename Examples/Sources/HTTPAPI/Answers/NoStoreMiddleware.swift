// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird

/// Keeps answers out of caches (RFC 9111 §5.2.2.5), unless an endpoint says itself how long its answer holds.
///
/// Users, accounts and health change at any time, and an account that is not found may be there a moment later.
struct NoStoreMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }
}
