// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The way of bytes through a proxy.
package enum WireDirection: Sendable, Hashable {
    case toServer, toClient
}

/// A message of a protocol, as it was on the wire.
package struct WireMessage: Sendable, Hashable {
    /// What the protocol calls it: the first byte of a message of Postgres, the type of an AMQP frame; 0 for what has none.
    package let type: UInt8
    package let bytes: [UInt8]

    /// Whether the text is part of the message.
    package func contains(_ text: String) -> Bool {
        let wanted = Array(text.utf8)
        guard !wanted.isEmpty, wanted.count <= self.bytes.count else { return false }
        return (0...(self.bytes.count - wanted.count)).contains { start in
            self.bytes[start] == wanted[0] && self.bytes[start..<(start + wanted.count)].elementsEqual(wanted)
        }
    }

    /// Whether it is of Postgres' type, such as `C` for CommandComplete, and contains the text.
    package func isPostgres(_ type: Character, _ text: String = "") -> Bool {
        self.type == type.asciiValue && (text.isEmpty || self.contains(text))
    }
}

/// Cuts the bytes of one direction into messages: a pure state machine.
package struct WireFraming: Sendable {
    /// What is spoken, without TLS.
    package enum Language: Sendable {
        /// PostgreSQL 15 manual, 55.7.
        case postgres
        /// AMQP 0-9-1, 4.2.3.
        case amqp
        /// Whatever arrives together is a message.
        case any
    }

    private let language: Language
    private let direction: WireDirection
    private var buffer: [UInt8] = []
    private var isStart = true

    package init(_ language: Language, _ direction: WireDirection) {
        self.language = language
        self.direction = direction
    }

    /// Returns the messages that are complete with these bytes.
    package mutating func append(_ bytes: some Sequence<UInt8>) -> [WireMessage] {
        self.buffer += bytes
        var messages: [WireMessage] = []
        var start = 0
        while let (type, length) = self.message(at: start), start + length <= self.buffer.count {
            messages.append(WireMessage(type: type, bytes: Array(self.buffer[start..<(start + length)])))
            self.passed(start: start)
            start += length
        }
        self.buffer.removeFirst(start)
        return messages
    }

    private mutating func passed(start: Int) {
        // A request for TLS or to cancel comes before the actual start.
        let isRequest = self.language == .postgres && self.number(at: start + 4) == 80_877_103
        if !isRequest { self.isStart = false }
    }

    /// The type and the length of the message that begins here, if enough of it has arrived.
    private func message(at start: Int) -> (UInt8, Int)? {
        guard start < self.buffer.count else { return nil }
        let first = self.buffer[start]
        switch self.language {
        case .any: return (0, self.buffer.count - start)
        case .postgres where self.isStart && self.direction == .toServer:
            return self.number(at: start).map { (0, max($0, 4)) }
        case .postgres: return self.number(at: start + 1).map { (first, $0 + 1) }
        case .amqp where self.isStart && first == UInt8(ascii: "A"): return (0, 8)
        case .amqp: return self.number(at: start + 3).map { (first, $0 + 8) }
        }
    }

    private func number(at start: Int) -> Int? {
        guard start + 4 <= self.buffer.count else { return nil }
        return self.buffer[start..<(start + 4)].reduce(0) { $0 << 8 | Int($1) }
    }
}
