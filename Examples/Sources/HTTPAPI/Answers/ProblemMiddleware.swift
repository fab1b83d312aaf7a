// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Answers every error with a ``Problem``: those of the endpoints, and the router's own 404, which becomes 405 where another
/// method would have been right.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    let endpoints: [Endpoint]

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPParserError {
            // The connection is unusable: the server answers 400 and closes it.
            throw error
        } catch {
            let response = self.problem(for: error, request, context.logger).response()
            return request.method == .head ? response.createHeadResponse() : response
        }
    }

    private func problem(for error: any Error, _ request: Request, _ logger: Logger) -> Problem {
        guard let problem = Problem(error) else {
            // Of an unknown error only the type is logged: its text may hold what a user typed.
            let reason = (error as? RepositoryError)?.description ?? "\(type(of: error))"
            logger.error("A request failed unexpectedly", metadata: ["http.problem": "\(reason)"])
            return Problem(.internalServerError)
        }
        guard problem.status == .notFound, problem.detail == nil else { return problem }
        guard let allow = self.endpoints.filter({ $0.matches(request.uri.path) }).allow else {
            return Problem(.notFound, "There is nothing at this path.")
        }
        return Problem(.methodNotAllowed, "This path does not know the method.", headers: [.allow: allow])
    }
}
