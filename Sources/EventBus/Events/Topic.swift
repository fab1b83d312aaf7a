// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The address of an event: dot-separated words such as `user.created`.
///
/// A topic is an AMQP routing key (AMQP 0-9-1 §3.1.3.3): at most 255 bytes of UTF-8. Words are not empty and hold
/// neither white space nor control characters nor the wildcards `*` and `#`, which belong to ``TopicPattern``.
public struct Topic: Hashable, Sendable {
    /// The longest topic that AMQP can carry, in bytes of UTF-8.
    public static let maximumBytes = 255

    /// The words with the dots between them.
    public let name: String

    /// Checks a name and makes a topic of it.
    ///
    /// - Throws: ``BusError`` with code `invalidTopic` that names the rule the name breaks.
    public init(_ name: String) throws(BusError) {
        if let problem = Topic.problem(of: name, allowingWildcards: false) {
            throw BusError(.invalidTopic, "topic \(problem)")
        }
        self.name = name
    }

    /// A routing key as another program sent it, which need not keep the rules above.
    package init(foreign name: String) {
        self.name = name
    }

    /// The words, in order.
    public var words: [Substring] { self.name.words }

    /// The part before the first dot.
    package var firstWord: Substring {
        let end = self.name.utf8.firstIndex(of: UInt8(ascii: ".")) ?? self.name.endIndex
        return self.name[..<end]
    }

    static func problem(of name: String, allowingWildcards: Bool) -> String? {
        if name.isEmpty { return "must not be empty" }
        if name.utf8.count > Topic.maximumBytes {
            return "has \(name.utf8.count) bytes, the limit is \(Topic.maximumBytes)"
        }
        // Byte by byte, since literals are checked wherever they stand: all that is forbidden is ASCII.
        var length = 0
        var hasWildcard = false
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "."):
                if length == 0 { return "must not have an empty word" }
                (length, hasWildcard) = (0, false)
                continue
            case 0...0x20, 0x7F:
                return "must not contain white space or control characters"
            case UInt8(ascii: "*"), UInt8(ascii: "#"):
                if !allowingWildcards { return "must not contain a wildcard" }
                hasWildcard = true
            default:
                break
            }
            length += 1
            if hasWildcard, length > 1 { return "has a wildcard that is not a whole word" }
        }
        if length == 0 { return "must not have an empty word" }
        return nil
    }
}

extension Topic: ExpressibleByStringLiteral {
    /// Makes a topic of a literal; a literal that is no topic is a programming error and traps.
    public init(stringLiteral name: String) {
        let problem = Topic.problem(of: name, allowingWildcards: false)
        precondition(problem == nil, "topic literal \(problem ?? "")")
        self.name = name
    }
}

extension Topic {
    /// Byte by byte, as AMQP compares routing keys: names that only look the same are different topics.
    public static func == (left: Topic, right: Topic) -> Bool {
        left.name.hasSameBytes(as: right.name)
    }
}

extension String {
    /// The parts between dots; a dot is one byte, whatever marks follow it.
    var words: [Substring] {
        self.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Substring($0) }
    }
}

extension Topic: CustomStringConvertible {
    /// The name.
    public var description: String { self.name }
}
