// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI
import Hummingbird

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Begins a journey with each registration and reports how it was answered.
struct StoryMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    /// What is reported of a request; the password is not even read.
    private struct Names: Decodable {
        let username: String?
        let email: String?
    }

    /// Without the slash that may be at its end.
    private static let path = String(RegistrationAPI.path.dropLast())

    let teller: Storyteller

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.method == .post, request.uri.path.hasPrefix(Self.path) else {
            return try await next(request, context)
        }
        return try await self.teller.follow {
            guard self.teller.isFollowing else { return try await next(request, context) }
            do {
                var request = request
                let body = try await request.collectBody(upTo: 16 * 1024)
                let names = try? JSONDecoder().decode(Names.self, from: Data(body.readableBytesView))
                self.teller.report(.requested(username: names?.username ?? "?", email: names?.email ?? "?"))
                let response = try await next(request, context)
                self.teller.report(.answered(status: "\(response.status.code) \(response.status.reasonPhrase)"))
                return response
            } catch {
                self.teller.report(.answered(status: "not registered: \(error)"))
                throw error
            }
        }
    }
}
