// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension JSONValue {
    /// A message; with its body only when that is asked for.
    static func message(_ message: Message, withBody: Bool) -> JSONValue {
        var object: [String: JSONValue] = [
            "id": .string(message.id),
            "topic": .string(message.topic.name),
            "type": .string(message.type),
            "version": .int(message.version),
            "source": .string(message.source),
            "time": .time(message.time),
            "key": .string(message.orderingKey),
            "contentType": .string(message.contentType),
            "headers": .object(message.headers.mapValues(JSONValue.header)),
            "bodyBytes": .int(message.body.count),
        ]
        if withBody {
            if let text = message.utf8Body {
                object["body"] = .string(text)
            } else {
                object["bodyBase64"] = .string(Data(message.body).base64EncodedString())
            }
        }
        return .object(object)
    }

    /// The value of a header; bytes as base64, times as RFC 3339 text.
    static func header(_ value: HeaderValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .int(let number): .int(number)
        case .bool(let flag): .bool(flag)
        case .double(let number): .double(number)
        case .timestamp(let time): .time(time)
        case .bytes(let bytes): .string(Data(bytes).base64EncodedString())
        case .array(let values): .array(values.map(JSONValue.header))
        case .table(let values): .object(values.mapValues(JSONValue.header))
        case .null: .null
        }
    }
}

extension Message {
    fileprivate var utf8Body: String? { String(validating: self.body, as: UTF8.self) }

    /// The body for a person: bytes that are not text as base64.
    var bodyText: String { self.utf8Body?.printable ?? Data(self.body).base64EncodedString() }
}
