// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Limits of a message")
struct MessageLimitsTests {
    private static let long = String(repeating: "ä", count: 128)  // 256 bytes, 128 characters

    private func message(_ change: (inout Message) -> Void = { _ in }) -> Message {
        var message = Message(id: "id", topic: "user.created", time: Date(timeIntervalSince1970: 0), body: [])
        change(&message)
        return message
    }

    @Test func aMessageHasDefaults() throws {
        let message = self.message()
        try message.validate()
        #expect(message.type == "user.created" && message.version == 1 && message.source.isEmpty)
        #expect(message.requiresSubscriber && message.contentType == "application/json" && message.headers.isEmpty)
    }

    private static let tooLong: [(String, @Sendable (inout Message) -> Void)] = [
        ("id", { $0.id = Self.long }), ("topic", { $0.topic = Topic(foreign: Self.long) }),
        ("type", { $0.type = Self.long }), ("source", { $0.source = Self.long }),
        ("ordering key", { $0.orderingKey = Self.long }), ("content type", { $0.contentType = Self.long }),
        ("header name", { $0.headers = [Self.long: 1] }),
        ("header name", { $0.headers = ["a": .table(["b": .array([.table([Self.long: 1])])])] }),
    ]

    @Test(arguments: Self.tooLong)
    func aTextOfMoreThan255BytesIsRefused(field: String, change: @Sendable (inout Message) -> Void) {
        let error = #expect(throws: BusError.self) { try self.message(change).validate() }
        #expect(error?.code == .invalidMessage)
        #expect(error?.message == "\(field) has 256 bytes, the limit is 255")
    }

    @Test func theSizeOfTheBodyIsLimited() throws {
        try self.message { $0.body = [UInt8](repeating: 0, count: Message.Limits.bodyBytes) }.validate()
        let error = #expect(throws: BusError.self) {
            try self.message { $0.body = [UInt8](repeating: 0, count: Message.Limits.bodyBytes + 1) }.validate()
        }
        #expect(error?.message == "body has 8388609 bytes, the limit is 8388608")
    }

    @Test func theNestingOfHeadersIsLimited() throws {
        func nested(_ depth: Int) -> HeaderValue { depth == 0 ? 1 : .array([nested(depth - 1), "x"]) }
        try self.message { $0.headers = ["a": nested(15)] }.validate()
        let error = #expect(throws: BusError.self) { try self.message { $0.headers = ["a": nested(16)] }.validate() }
        #expect(error?.message == "headers nest 17 levels deep, the limit is 16")
    }

    @Test(arguments: ["x-attempt", "x-death", "CC", "BCC", "cloudEvents_", "cloudEvents_id", "x-first-death-reason"])
    func reservedHeaderNamesAreRefused(name: String) {
        let error = #expect(throws: BusError.self) { try self.message { $0.headers = [name: 1] }.validate() }
        #expect(error?.message == "header name \(name) is reserved")
    }

    @Test(arguments: ["x-attempt-count", "cc", "X-Attempt", "traceparent", "cloudevents_id", ""])
    func otherHeaderNamesAreAllowed(name: String) throws {
        try self.message { $0.headers = [name: 1] }.validate()
    }

    /// Encodes an AMQP field value according to AMQP 0-9-1 §4.2.5.5 and RabbitMQ's errata.
    private func encode(_ value: HeaderValue) -> [UInt8] {
        func long(_ bytes: [UInt8]) -> [UInt8] {
            withUnsafeBytes(of: UInt32(bytes.count).bigEndian, Array.init) + bytes
        }
        switch value {
        case .string(let text): return [UInt8(ascii: "S")] + long(Array(text.utf8))
        case .bytes(let bytes): return [UInt8(ascii: "x")] + long(bytes)
        case .int(let number): return [UInt8(ascii: "l")] + withUnsafeBytes(of: number.bigEndian, Array.init)
        case .double(let number):
            return [UInt8(ascii: "d")] + withUnsafeBytes(of: number.bitPattern.bigEndian, Array.init)
        case .timestamp(let date):
            return [UInt8(ascii: "T")] + withUnsafeBytes(of: UInt64(date.timeIntervalSince1970).bigEndian, Array.init)
        case .bool(let flag): return [UInt8(ascii: "t"), flag ? 1 : 0]
        case .null: return [UInt8(ascii: "V")]
        case .array(let values): return [UInt8(ascii: "A")] + long(values.flatMap(self.encode))
        case .table(let entries):
            let fields = entries.flatMap { name, value in
                [UInt8(name.utf8.count)] + Array(name.utf8) + self.encode(value)
            }
            return [UInt8(ascii: "F")] + long(fields)
        }
    }

    @Test(
        arguments: [
            "text ä", 7, true, .double(1.5), .timestamp(Date(timeIntervalSince1970: 5)), .bytes([1, 2, 3]), .null,
            .array([]), .table([:]), .array([1, "a", .null, .array([true])]),
            .table(["a": 1, "bä": .table(["c": .array([.bytes([1])])]), "": "x"]),
        ] as [HeaderValue]
    )
    func theSizeOfAHeaderEqualsThatOfItsEncoding(value: HeaderValue) {
        #expect(value.encoded.bytes == self.encode(value).count)
    }

    @Test func theSizeOfHeadersIsLimited() throws {
        func headers(_ bytes: Int) -> [String: HeaderValue] {
            let rest = bytes - self.encode(.table(["a": ""])).count
            return ["a": .string(String(repeating: "x", count: rest))]
        }
        try self.message { $0.headers = headers(Message.Limits.headerBytes) }.validate()
        let error = #expect(throws: BusError.self) {
            try self.message { $0.headers = headers(Message.Limits.headerBytes + 1) }.validate()
        }
        #expect(error?.message == "headers take 32769 bytes, the limit is 32768")
    }
}
