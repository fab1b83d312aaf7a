// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

/// The description of an API (OpenAPI 3.1).
struct OpenAPIDocument: Encodable {
    /// What the API is called and what holds for all of it.
    struct Info: Encodable {
        let title: String
        /// Of the API; a change that breaks clients gets another path instead.
        let version = "1"
        let description = """
            A slash at the end of a path makes no difference, and HEAD is answered wherever GET is. Times are in UTC \
            (RFC 3339). What goes wrong is answered with problem details (RFC 9457).
            """
    }

    /// What operations refer to.
    struct Components: Encodable {
        var schemas: [String: Schema] = [:]
        var securitySchemes: [String: SecurityScheme] = [:]
    }

    let openapi = "3.1.0"
    let info: Info
    private(set) var paths: [String: [String: Operation]] = [:]
    private(set) var components = Components()

    init(title: String) {
        self.info = Info(title: title)
    }

    mutating func add(_ operation: Operation, _ method: HTTPRequest.Method, _ path: String) {
        self.paths[path, default: [:]][method.rawValue.lowercased()] = operation
        let schemas =
            operation.parameters.map(\.schema) + [operation.body].compactMap { $0 }
            + operation.answers.flatMap { $0.headers.map(\.schema) + $0.content.values }
        for schema in schemas { self.components.schemas.merge(schema.named) { $1 } }
        for scheme in operation.security { self.components.securitySchemes[scheme.rawValue] = scheme }
    }
}
