// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Hummingbird

/// Answers requests for as long as their clients are there; see ``Client``.
struct ClientResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let base: RouterResponder<BasicRequestContext>

    func respond(to request: Request, context: Context) async throws -> Response {
        guard let client = Client.current else { return try await self.base.respond(to: request, context: context) }
        return try await client.whileHere { try await self.base.respond(to: request, context: context) }
    }
}
