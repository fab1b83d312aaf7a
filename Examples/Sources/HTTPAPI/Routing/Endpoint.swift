// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import HTTPTypes
public import Hummingbird

/// One operation of an API: a method, a path, its description and what answers it.
public struct Endpoint: Sendable {
    /// Answers a request or throws; every error becomes a ``Problem``.
    public typealias Responder = @Sendable (Request, BasicRequestContext) async throws -> Response

    /// The method; where it is `GET`, `HEAD` is answered as well.
    public let method: HTTPRequest.Method
    /// The path, with parameters in braces: `/api/accounts/{user_id}`.
    public let path: String
    /// What clients may know of it.
    public let operation: Operation
    /// What answers.
    public let respond: Responder

    /// Creates an endpoint.
    public init(_ method: HTTPRequest.Method, _ path: String, _ operation: Operation, _ respond: @escaping Responder) {
        self.method = method
        self.path = path
        self.operation = operation
        self.respond = respond
    }

    var allowedMethods: [HTTPRequest.Method] { self.method == .get ? [.get, .head] : [self.method] }

    /// Whether a request's path is this one; a slash at the end makes no difference.
    func matches(_ path: String) -> Bool {
        let own = self.path.split(separator: "/")
        let other = path.split(separator: "/")
        return own.count == other.count && zip(own, other).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

extension [Endpoint] {
    /// The methods of endpoints that share a path, as in `Allow` (RFC 9110 §10.2.1); `nil` of none.
    var allow: String? {
        guard !self.isEmpty else { return nil }
        let methods = self.flatMap(\.allowedMethods) + [.options]
        return Set(methods.map(\.rawValue)).sorted().joined(separator: ", ")
    }
}

extension Router where Context == BasicRequestContext {
    /// Creates a router of endpoints that answers every error with problem details (RFC 9457), `HEAD` and `OPTIONS` by itself,
    /// and serves the description of the API at `/openapi.json`.
    ///
    /// - Parameters:
    ///   - title: the name of the service, for its description.
    ///   - endpoints: the API.
    ///   - middleware: what else sees each request, inside the handling of errors.
    public convenience init(
        named title: String,
        serving endpoints: [Endpoint],
        middleware: [any MiddlewareProtocol<Request, Response, BasicRequestContext>] = []
    ) {
        let endpoints = endpoints + [.description(of: endpoints, title: title)]
        self.init(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        self.add(middleware: RequestIDMiddleware())
        self.add(middleware: NoStoreMiddleware())
        self.add(middleware: ProblemMiddleware(endpoints: endpoints))
        self.add(middleware: OptionsMiddleware(endpoints: endpoints))
        for middleware in middleware { self.add(middleware: middleware) }
        for endpoint in endpoints { self.on(RouterPath(endpoint.path), method: endpoint.method, use: endpoint.respond) }
    }
}
