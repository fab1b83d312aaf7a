// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Encoding of events")
struct EventEncoderTests {
    private static let message = Message(
        id: "0198c3f0-7d1e-7a52-8d4f-3f0b6f3a9c11",
        topic: "user.created",
        version: 3,
        source: "/user",
        time: Date(timeIntervalSince1970: 1_767_225_600.25),
        orderingKey: "ada",
        body: Array(#"{"a":1}"#.utf8)
    )

    private static func changed(_ change: (inout Message) -> Void) -> Message {
        var message = Self.message
        change(&message)
        return message
    }

    private static let messages: [Message] = [
        Self.message,
        Self.changed { $0.orderingKey = nil },
        Self.changed { $0.version = 1 },
        Self.changed { $0.source = "" },
        Self.changed { $0.requiresSubscriber = false },
        Self.changed { $0.body = [] },
        Self.changed { $0.body = Array(repeating: 7, count: 4088) },
        Self.changed { $0.body = Array(repeating: 7, count: 4089) },
        Self.changed { $0.body = Array(repeating: 7, count: 100_000) },
        Self.changed { $0.headers = ["traceparent": .string("00-ä")] },
        Self.changed { $0.headers = ["deep": .table(["a": .array([.int(1), .null])])] },
        Self.changed { $0.time = Date(timeIntervalSince1970: -1) },
        Self.changed { message in
            let longest = String(repeating: "ä", count: 127) + "x"
            message.id = longest
            message.topic = Topic(foreign: longest)
            message.type = longest
            message.source = longest
            message.orderingKey = longest
            message.contentType = longest
            message.version = .max
        },
    ]

    @Test("The frames equal those of the generic encoder", arguments: Self.messages)
    func frames(_ message: Message) throws {
        var expected = ByteBuffer(string: "before")
        try FrameEncoder.publish(OutgoingMessage(message), channel: 9, maximumFrame: 4096, into: &expected)
        var written = ByteBuffer(string: "before")
        try EventEncoder.publish(message, channel: 9, maximumFrame: 4096, into: &written)
        #expect(written == expected)
    }

    @Test("Headers that do not fit into a frame leave nothing in the buffer")
    func tooLarge() {
        let message = Self.changed { $0.headers = ["h": .string(String(repeating: "x", count: 4096))] }
        var buffer = ByteBuffer(string: "before")
        #expect(throws: CodecError.self) {
            try EventEncoder.publish(message, channel: 9, maximumFrame: 4096, into: &buffer)
        }
        #expect(buffer == ByteBuffer(string: "before"))
    }

    @Test("What was encoded can be decoded", arguments: Self.messages.prefix(8))
    func roundTrip(_ message: Message) throws {
        var buffer = ByteBuffer()
        try EventEncoder.publish(message, channel: 9, maximumFrame: 4096, into: &buffer)
        var decoder = FrameDecoder(maximumFrame: 4096)
        decoder.append(buffer)
        var assembler = ContentAssembler(maximumBody: 1 << 20)
        var content: IncomingMessage?
        while let frame = try decoder.next() {
            switch frame.kind {
            case .method:
                let topic = message.topic.name
                try assembler.begin(.basicDeliver(tag: 1, redelivered: false, exchange: "events", routingKey: topic))
            case .header: content = try assembler.header(frame.payload)
            default: content = try assembler.body(frame.payload)
            }
        }
        var expected = message
        // Whether a subscriber is required concerns only producer and bus.
        expected.requiresSubscriber = true
        let incoming = try #require(content)
        #expect(ReceivedMessage(incoming).message() == expected)
    }
}
