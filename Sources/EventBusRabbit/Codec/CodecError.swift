// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Bytes that are not AMQP, or values that AMQP cannot carry.
struct CodecError: Error, Hashable, CustomStringConvertible {
    enum Code: Hashable {
        /// A frame has an unknown type, is too large or does not end with the frame-end byte.
        case malformedFrame
        /// A method or a content header cannot be decoded.
        case malformedMethod
        /// A field table cannot be decoded, or nests too deeply.
        case malformedTable
        /// A content header without its method, a body that is too long, and the like.
        case unexpectedFrame
        /// A value that is too large for the protocol.
        case tooLarge
    }

    let code: Code
    let detail: String

    init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    var description: String { "\(self.code): \(self.detail)" }
}
