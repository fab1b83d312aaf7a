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
        // A client that waits for leave to send a body is spared one that would be refused.
        guard !self.expectsContinue || self.announcedSize <= Request.maximumBodySize else { throw Problem.bodyTooLarge }
        let body = try await self.beginningOfBody()
        let bytes = body.readableBytesView
        // Brackets without end are no JSON for anybody, however many there are.
        guard !JSONNesting.isTooDeep(bytes) else { throw Problem(.badRequest, "The body is nested too deeply.") }
        guard bytes.count <= Request.maximumBodySize else { throw Problem.bodyTooLarge }
        // The decoder would also read UTF-16 and UTF-32, which are full of NUL bytes and no JSON between systems (RFC 8259 §8.1).
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

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    private var expectsContinue: Bool { self.headers[.expect]?.lowercased() == "100-continue" }

    /// What `Content-Length` says; 0 where it says nothing, because the body comes in chunks.
    private var announcedSize: Int { self.headers[.contentLength].flatMap { Int($0) } ?? 0 }

    /// The body, or of one that is too large so much that this can be seen.
    private func beginningOfBody() async throws -> ByteBuffer {
        var beginning = ByteBuffer()
        for try await var part in self.body {
            beginning.writeBuffer(&part)
            if beginning.readableBytes > Request.maximumBodySize { break }
        }
        return beginning
    }

    /// `application/json`, in any letter case and with any parameters (RFC 9110 §8.3.1).
    private var hasJSONContentType: Bool {
        guard let value = self.headers[.contentType] else { return false }
        let type = value.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
        return type.lowercased() == "application/json"
    }
}
