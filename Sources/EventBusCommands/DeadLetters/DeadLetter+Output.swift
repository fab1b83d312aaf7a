// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension DeadLetter {
    /// When it became a dead letter; "unknown" if another program has not told.
    var deadSince: String { self.deadAt.timeIntervalSince1970 == 0 ? "unknown" : EventCoding.text(of: self.deadAt) }

    /// Everything about it, one property in a line.
    func description(withBody: Bool) -> String {
        let message = self.message
        var lines: [(String, String?)] = [
            ("id", message.id),
            ("topic", message.topic.name),
            ("type", message.type),
            ("version", "\(message.version)"),
            ("source", message.source),
            ("time", EventCoding.text(of: message.time)),
            ("key", message.orderingKey),
            ("dead since", self.deadSince),
            ("reason", self.reason),
            ("attempts", "\(self.failures.count)"),
            ("first failure", self.failures.firstAt.map(EventCoding.text)),
            ("last failure", self.failures.lastReason),
            ("redrives", "\(self.redrives)"),
            ("content type", message.contentType),
        ]
        for (name, value) in message.headers.sorted(by: { $0.key < $1.key }) {
            lines.append(("header \(name)", JSONValue.header(value).text))
        }
        lines.append(("body", withBody ? message.bodyText : "\(message.body.count) bytes, see --body"))
        let width = lines.map { $0.0.count }.max() ?? 0
        return lines.compactMap { name, value in
            value.map { "\(name.printable):\(String(repeating: " ", count: width - name.count + 1))\($0.printable)" }
        }.joined(separator: "\n")
    }
}

extension JSONValue {
    /// A dead letter: the keys of its message, and those of its failure.
    static func deadLetter(_ letter: DeadLetter, withBody: Bool) -> JSONValue {
        guard case .object(var object) = JSONValue.message(letter.message, withBody: withBody) else { return .null }
        object["reason"] = .string(letter.reason)
        object["deadAt"] = letter.deadAt.timeIntervalSince1970 == 0 ? .null : .time(letter.deadAt)
        object["attempts"] = .int(letter.failures.count)
        object["firstFailedAt"] = .time(letter.failures.firstAt)
        object["lastFailure"] = .string(letter.failures.lastReason)
        object["redrives"] = .int(letter.redrives)
        return .object(object)
    }
}
