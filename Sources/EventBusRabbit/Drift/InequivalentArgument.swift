// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What RabbitMQ says about an exchange or a queue that exists with another argument, which is all that AMQP tells of one.
///
/// The text is the same from RabbitMQ 3.10 to 4.3: "inequivalent arg 'x-delivery-limit' for queue 'a' in vhost '/': received
/// '1000000' but current is '5'", or "received none but current is the value '5' of type 'signedint'".
struct InequivalentArgument: Hashable {
    /// `durable`, `type` or the name of an argument.
    let name: String
    /// `nil` if it has none.
    let current: HeaderValue?

    /// - Parameters:
    ///   - text: a broker's, with code 406.
    ///   - sent: the arguments to which it is the answer. Where both values have the same type, the text does not name it.
    init?(_ text: String, sent: [String: HeaderValue]) {
        guard let start = text.firstRange(of: "inequivalent arg '"),
            let current = text.firstRange(of: " but current is ")
        else { return nil }
        self.name = String(text[start.upperBound...].prefix { $0 != "'" })
        let value = text[current.upperBound...]
        if value.hasPrefix("none") {
            self.current = nil
            return
        }
        guard let quote = value.firstIndex(of: "'") else { return nil }
        let rest = value[value.index(after: quote)...]
        let typeMark = "' of type '"
        if let mark = rest.firstRange(of: typeMark) {
            let type = rest[mark.upperBound...].prefix { $0 != "'" }
            self.current = Self.value(rest[..<mark.lowerBound], isText: type == "longstr")
        } else {
            // The value may contain a quotation mark; the last one ends it.
            guard let end = rest.lastIndex(of: "'") else { return nil }
            self.current = Self.value(rest[..<end], isText: sent[self.name]?.string != nil)
        }
    }

    private static func value(_ text: Substring, isText: Bool) -> HeaderValue {
        if isText { return .string(String(text)) }
        if text == "true" || text == "false" { return .bool(text == "true") }
        return Int64(text).map(HeaderValue.int) ?? .string(String(text))
    }
}
