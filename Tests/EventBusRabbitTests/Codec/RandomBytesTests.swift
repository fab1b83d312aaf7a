// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import NIOCore
import Testing

@_spi(Fuzzing) @testable import EventBusRabbit

/// What a broker sends, changed at random: everything is read or refused, and nothing else happens.
///
/// `scripts/test --soak fuzz` continues this with inputs that libFuzzer finds.
@Suite("Random bytes from the broker")
struct RandomBytesTests {
    private static let headers: [(String, HeaderValue)] = [
        ("x-attempt", .int(3)), ("x-source", .string("/a")), ("t", .bool(true)), ("d", .double(1.5)), ("v", .null),
        ("x", .bytes([1, 2, 3])), ("T", .timestamp(.init(seconds: 1_700_000_000))),
        ("A", .array([.int(1), .array([.string("deep")]), .table(["k": .bool(false)])])),
        ("F", .table(["a": .string("b"), "c": .table(["d": .array([])])])), ("x-delivery-count", .int(2)),
    ]

    private static let properties = Properties(
        contentType: "application/json",
        contentEncoding: "identity",
        deliveryMode: 2,
        priority: 1,
        correlationID: "c",
        replyTo: "r",
        expiration: "1000",
        messageID: "0190b8a2-0000-7000-8000-000000000000",
        timestamp: 1_700_000_000,
        type: "user.created",
        userID: "u",
        appID: "/users",
        clusterID: "k"
    )

    private static func frame(_ kind: Frame.Kind, _ channel: UInt16, _ payload: [UInt8]) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(kind.rawValue, channel, UInt32(payload.count))
        buffer.writeBytes(payload)
        buffer.writeInteger(Frame.end)
        return Array(buffer.readableBytesView)
    }

    private static func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    private static func long(_ text: String) -> [UInt8] { [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8) }

    /// Methods by class and method number, with their fields.
    private static let methods: [[UInt8]] = [
        // connection: start, tune, open-ok, close, blocked, unblocked
        [0, 10, 0, 10, 0, 9, 0, 0, 0, 4, 1] + Array("at".utf8) + [1] + long("PLAIN AMQPLAIN") + long("en_US"),
        [0, 10, 0, 30, 7, 255, 0, 2, 0, 0, 0, 60], [0, 10, 0, 41, 0],
        [0, 10, 0, 50, 1, 64] + short("CONNECTION_FORCED") + [0, 0, 0, 0], [0, 10, 0, 60] + short("low on memory"),
        [0, 10, 0, 61],
        // channel: open-ok, flow, close, close-ok
        [0, 20, 0, 11, 0, 0, 0, 0], [0, 20, 0, 20, 1], [0, 20, 0, 40, 1, 148] + short("NOT_FOUND") + [0, 60, 0, 40],
        [0, 20, 0, 41],
        // exchange and queue
        [0, 40, 0, 11], [0, 50, 0, 11] + short("queue") + [0, 0, 0, 7, 0, 0, 0, 1], [0, 50, 0, 21],
        // basic: qos-ok, consume-ok, cancel, get-empty, ack, nack; confirm.select-ok
        [0, 60, 0, 11], [0, 60, 0, 21] + short("tag"), [0, 60, 0, 30] + short("tag") + [1], [0, 60, 0, 72, 0],
        [0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 9, 1], [0, 60, 0, 120, 0, 0, 0, 0, 0, 0, 0, 9, 0], [0, 85, 0, 11],
    ]

    /// basic.deliver, basic.get-ok and basic.return.
    private static let contents: [[UInt8]] = [
        [0, 60, 0, 60] + short("tag") + [0, 0, 0, 0, 0, 0, 0, 5, 1] + short("events") + short("user.created"),
        [0, 60, 0, 71, 0, 0, 0, 0, 0, 0, 0, 5, 0] + short("") + short("queue") + [0, 0, 0, 3],
        [0, 60, 0, 50, 1, 56] + short("NO_ROUTE") + short("events") + short("user.created"),
    ]

    private static func samples() throws -> [[UInt8]] {
        var streams = self.methods.map { self.frame(.method, 0, $0) } + [self.frame(.heartbeat, 0, [])]
        for method in self.contents {
            for (properties, headers) in [(self.properties, self.headers), (Properties(), [])] {
                var header = ByteBuffer()
                let body = Array(#"{"user_id":"0190b8a2"}"#.utf8)
                try PropertyCodec.encode(properties, HeaderTable(headers), bodySize: body.count, into: &header)
                streams.append(
                    self.frame(.method, 1, method) + self.frame(.header, 1, Array(header.readableBytesView))
                        + self.frame(.body, 1, Array(body[..<5])) + self.frame(.body, 1, Array(body[5...]))
                )
            }
        }
        return streams
    }

    @Test("What is not changed is read completely, however it is cut", arguments: [1, 7, 100_000])
    func unchanged(_ piece: Int) throws {
        let bytes = try RandomBytesTests.samples().flatMap { $0 }
        let reading = CodecFuzzing.reading(ByteBuffer(bytes: bytes), piece: piece)
        #expect(reading.problem == nil)
        #expect(reading.methods == RandomBytesTests.methods.count + 6)
        #expect(reading.messages == 6)
        #expect(reading.headers == 3 * RandomBytesTests.headers.count)
    }

    @Test("Ten thousand changed streams are read or refused")
    func changed() throws {
        let samples = try RandomBytesTests.samples()
        var refused = 0
        var read = 0
        for seed in 0..<10_000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var bytes = (0..<Int.random(in: 1...4, using: &random)).flatMap { _ in
                samples.randomElement(using: &random) ?? []
            }
            for _ in 0..<Int.random(in: 1...6, using: &random) { self.change(&bytes, &random) }
            let piece = [7, 64, 100_000].randomElement(using: &random) ?? 7
            let reading = CodecFuzzing.reading(ByteBuffer(bytes: bytes), piece: piece)
            refused += reading.problem == nil ? 0 : 1
            read += reading.messages
            #expect(reading.problem?.detail.isEmpty != true)
            #expect(reading.frames <= bytes.count / Frame.overhead)
        }
        // Most changes break something, and some of them only what is inside of a message.
        #expect((1_000..<9_900).contains(refused))
        #expect(read > 500)
    }

    private func change(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        let end = min(bytes.count, place + Int.random(in: 1...16, using: &random))
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xCE, 0xFE, 0xFF].randomElement(using: &random) ?? 0
        case 2: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
        case 3: bytes.removeSubrange(place..<end)
        case 4: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 5: bytes.removeSubrange(place...)
        default: bytes.insert(contentsOf: [UInt8](repeating: bytes[place], count: 40), at: place)
        }
    }
}
