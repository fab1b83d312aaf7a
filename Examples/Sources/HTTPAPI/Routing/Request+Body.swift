// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird
import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension Request {
    /// The largest body that is read, in bytes.
    static let maximumBodySize = 16 * 1024

    /// Reads a body of JSON.
    ///
    /// - Throws: ``Problem`` with status 415, 413 or 400; what the value's decoder throws as a ``Problem``.
    func json<Value: Decodable>(_ type: Value.Type) async throws -> Value {
        guard self.hasJSONContentType else {
            throw Problem(.unsupportedMediaType, "The content type must be application/json.")
        }
        if let length = self.headers[.contentLength].flatMap({ Int($0) }), length > Request.maximumBodySize {
            throw Problem.bodyTooLarge
        }
        let body = try await self.body.collect(upTo: Request.maximumBodySize)
        // The decoder would also read UTF-16 and UTF-32, which are full of NUL bytes and no JSON between systems (RFC 8259 §8.1).
        let bytes = body.readableBytesView
        guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
            throw Problem(.badRequest, "The body is not JSON in UTF-8.")
        }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch let problem as Problem {
            throw problem
        } catch DecodingError.typeMismatch {
            throw Problem(.badRequest, "The body is not a JSON object.")
        } catch {
            throw Problem(.badRequest, "The body is not JSON in UTF-8.")
        }
    }

    /// `application/json`, in any letter case and with any parameters (RFC 9110 §8.3.1).
    private var hasJSONContentType: Bool {
        guard let value = self.headers[.contentType] else { return false }
        let type = value.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
        return type.lowercased() == "application/json"
    }
}
