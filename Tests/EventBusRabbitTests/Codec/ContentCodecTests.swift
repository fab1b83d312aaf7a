// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Properties, headers and bodies")
struct ContentCodecTests {
    private static let full = Properties(
        contentType: "application/json",
        contentEncoding: "gzip",
        deliveryMode: 2,
        priority: 3,
        correlationID: "correlation",
        replyTo: "reply",
        expiration: "60000",
        messageID: "id",
        timestamp: .max,
        type: "user.created",
        userID: "user",
        appID: "app",
        clusterID: "cluster"
    )

    private static let values: [HeaderValue] = [
        .bool(true), .bool(false), .int(.min), .int(.max), .double(0.5), .string("ä\0"), .string(""), .bytes([0, 255]),
        .timestamp(.init(seconds: 1_767_225_600)), .array([]), .array([.int(1), .array([.null])]), .table([:]),
        .table(["a": .table(["": .int(1)]), "ä": .null]), .null,
    ]

    /// Sends a message through encoder, frame decoder, assembler and back.
    private func roundTrip(_ message: OutgoingMessage, maximumFrame: Int = 4096) throws -> (
        [Frame], IncomingMessage?
    ) {
        var buffer = ByteBuffer()
        try FrameEncoder.publish(message, channel: 5, maximumFrame: maximumFrame, into: &buffer)
        var decoder = FrameDecoder(maximumFrame: maximumFrame)
        decoder.append(buffer)
        var assembler = ContentAssembler(maximumBody: 1 << 20)
        var frames: [Frame] = []
        var content: IncomingMessage?
        while let frame = try decoder.next() {
            frames.append(frame)
            switch frame.kind {
            case .method: try assembler.begin(.basicReturn(code: 0, text: "", exchange: "", routingKey: ""))
            case .header: content = try assembler.header(frame.payload)
            default: content = try assembler.body(frame.payload)
            }
        }
        #expect(!assembler.isAssembling)
        return (frames, content)
    }

    private func message(
        _ properties: Properties = Properties(),
        _ headers: [(String, HeaderValue)] = [],
        body: Int = 3
    ) -> OutgoingMessage {
        OutgoingMessage(
            exchange: "events",
            routingKey: "user.created",
            mandatory: true,
            properties: properties,
            headers: HeaderTable(headers),
            body: ByteBuffer(bytes: (0..<body).map { UInt8(truncatingIfNeeded: $0) })
        )
    }

    @Test("All properties and headers survive", arguments: [true, false], [true, false])
    func everything(_ hasProperties: Bool, _ hasHeaders: Bool) throws {
        let headers = hasHeaders ? Self.values.enumerated().map { ("h\($0.offset)", $0.element) } : []
        let properties = hasProperties ? Self.full : Properties()
        let content = try self.roundTrip(self.message(properties, headers)).1
        #expect(content?.properties == properties)
        #expect(content?.headers.entries.count == headers.count)
        for (name, value) in headers { #expect(content?.headers[name] == value) }
        #expect(content?.body == ByteBuffer(bytes: [0, 1, 2]))
    }

    @Test(
        "A body is split into as few frames as possible",
        arguments: [(0, 0), (1, 1), (4087, 1), (4088, 1), (4089, 2), (8176, 2), (8177, 3)]
    )
    func bodies(_ size: Int, _ frameCount: Int) throws {
        let message = self.message(body: size)
        let (frames, content) = try self.roundTrip(message)
        #expect(frames.count { $0.kind == .body } == frameCount)
        #expect(content?.body == message.body)
    }

    @Test("A message that does not fit leaves nothing in the buffer")
    func tooLarge() {
        var longKey = self.message()
        longKey.routingKey = String(repeating: "k", count: 256)
        var longID = Properties()
        longID.messageID = String(repeating: "i", count: 256)
        let bigHeaders = self.message(Properties(), [("h", .string(String(repeating: "x", count: 4096)))])
        for message in [longKey, self.message(longID), bigHeaders] {
            var buffer = ByteBuffer(string: "before")
            #expect(throws: CodecError.self) {
                try FrameEncoder.publish(message, channel: 1, maximumFrame: 4096, into: &buffer)
            }
            #expect(buffer == ByteBuffer(string: "before"))
        }
    }

    @Test("26,000 nested arrays need no stack, and copies keep them")
    func nesting() throws {
        var nested = ByteBuffer()
        for depth in (0..<26_000).reversed() { nested.writeMultipleIntegers(UInt8(ascii: "A"), UInt32(depth * 5)) }
        var table = ByteBuffer()
        table.writeMultipleIntegers(UInt8(1), UInt8(ascii: "n"))
        table.writeImmutableBuffer(nested)
        let headers = try HeaderTable(parsing: table)
        #expect(headers["n"] == nil)
        var copy = ByteBuffer()
        copy.writeTable(headers)
        #expect(copy.readableBytes == table.readableBytes + 4)
        #expect(copy.getSlice(at: 4, length: table.readableBytes) == table)
    }

    @Test("Values nest up to the limit", arguments: [(31, true), (32, true), (33, false)])
    func depth(_ depth: Int, _ isReadable: Bool) throws {
        var value = HeaderValue.int(1)
        for _ in 0..<depth { value = .array([value]) }
        #expect((HeaderTable([("n", value)])["n"] != nil) == isReadable)
    }

    @Test(
        "A table that is truncated or has an unknown type is refused",
        arguments: [[5], [1, 97], [1, 97, 83], [1, 97, 83, 0, 0, 0, 9, 1], [1, 97, 1, 0], [1, 97, 0x6C, 0, 0]]
            as [[UInt8]]
    )
    func tables(_ bytes: [UInt8]) {
        #expect(throws: CodecError.self) { try HeaderTable(parsing: ByteBuffer(bytes: bytes)) }
    }

    @Test("A body above the announced size or the limit is refused")
    func bounds() throws {
        var assembler = ContentAssembler(maximumBody: 4)
        func header(_ size: UInt64) -> ByteBuffer {
            var buffer = ByteBuffer()
            buffer.writeMultipleIntegers(UInt16(60), UInt16(0), size, UInt16(0))
            return buffer
        }
        #expect(throws: CodecError.self) { try assembler.body(ByteBuffer(bytes: [1])) }
        #expect(throws: CodecError.self) { try assembler.header(header(1)) }
        try assembler.begin(.basicReturn(code: 0, text: "", exchange: "", routingKey: ""))
        #expect(throws: CodecError.self) {
            try assembler.begin(.basicReturn(code: 0, text: "", exchange: "", routingKey: ""))
        }
        #expect(throws: CodecError.self) { try assembler.header(header(5)) }
        let incomplete = try assembler.header(header(4))
        #expect(incomplete == nil)
        #expect(throws: CodecError.self) { try assembler.body(ByteBuffer(bytes: [1, 2, 3, 4, 5])) }
    }
}
