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

/// How answers become JSON: keys in alphabetical order, times in UTC with `Z` (RFC 3339 §5.6), as in events.
enum JSON {
    static func response(
        _ status: HTTPResponse.Status,
        _ value: some Encodable,
        contentType: String = "application/json",
        headers: HTTPFields = [:]
    ) -> Response {
        self.response(status, body: self.bytes(of: value), contentType: contentType, headers: headers)
    }

    /// An answer whose JSON is there already.
    static func response(
        _ status: HTTPResponse.Status,
        body: ByteBuffer,
        contentType: String = "application/json",
        headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = contentType
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: body))
    }

    static func bytes(of value: some Encodable) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Answers are made of texts and numbers: they can always be encoded.
        return ByteBuffer(bytes: (try? encoder.encode(value)) ?? Data("{}".utf8))
    }

    /// `2026-01-01T00:00:00Z`, with milliseconds only where there are any.
    static func text(of date: Date) -> String {
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded()
        let isWhole = milliseconds.truncatingRemainder(dividingBy: 1000) == 0
        // The formatter cuts off, so a value that falls short of its millisecond by a rounding error would lose it.
        return Date(timeIntervalSince1970: (milliseconds + 0.25) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: !isWhole))
    }
}
