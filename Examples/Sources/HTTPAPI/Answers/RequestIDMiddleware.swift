// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird
import Logging

/// Gives each request an id, which is in its answer, in `X-Request-ID`, and in its log lines.
///
/// A client or a proxy before the service may choose the id, so that one request can be found in the logs of all.
struct RequestIDMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    /// Where Hummingbird puts the id that it makes.
    private static let metadataKey = "hb.request.id"

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var context = context
        let ownID = context.logger[metadataKey: Self.metadataKey]?.description ?? RequestID().description
        let id = request.headers[.requestID].flatMap { Self.isAcceptable($0) ? $0 : nil } ?? ownID
        context.logger[metadataKey: Self.metadataKey] = "\(id)"
        var response = try await next(request, context)
        response.headers[.requestID] = id
        return response
    }

    /// Whether a client may choose this id: 1 to 128 letters, digits and `-._~+/=:`, which say nothing to any log's reader.
    static func isAcceptable(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._~+/=:".utf8.contains(byte)
                }
            }
    }
}

extension HTTPField.Name {
    /// The id of a request, in the request and in its answer.
    static let requestID = HTTPField.Name("X-Request-ID")!
}
