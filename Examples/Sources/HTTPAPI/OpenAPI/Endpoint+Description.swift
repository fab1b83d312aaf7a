// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird

extension Endpoint {
    /// The path of the description of an API.
    static let descriptionPath = "/openapi.json"

    private static let descriptionOperation = Operation(
        "describe",
        "Returns this description (OpenAPI 3.1).",
        answers: [.json(.ok, "The description.", .object())]
    )

    /// `GET /openapi.json`: the description of endpoints and of itself.
    static func description(of endpoints: [Endpoint], title: String) -> Endpoint {
        var document = OpenAPIDocument(title: title)
        for endpoint in endpoints { document.add(endpoint.operation, endpoint.method, endpoint.path) }
        document.add(Self.descriptionOperation, .get, Self.descriptionPath)
        let body = JSON.bytes(of: document)
        return Endpoint(.get, Self.descriptionPath, Self.descriptionOperation) { _, _ in
            JSON.response(.ok, body: body)
        }
    }
}
