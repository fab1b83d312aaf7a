// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Frame decoder")
struct FrameDecoderTests {
    /// A heartbeat, a method of 3 bytes on channel 7, a body without bytes.
    private static let stream: [UInt8] = [
        8, 0, 0, 0, 0, 0, 0, 0xCE, 1, 0, 7, 0, 0, 0, 3, 1, 2, 3, 0xCE, 3, 0, 1, 0, 0, 0, 0, 0xCE,
    ]

    private func frames(_ decoder: inout FrameDecoder) throws -> [Frame] {
        var frames: [Frame] = []
        while let frame = try decoder.next() { frames.append(frame) }
        return frames
    }

    @Test("Frames are the same however the stream is cut", arguments: 1...27)
    func cuts(_ size: Int) throws {
        var decoder = FrameDecoder()
        var frames: [Frame] = []
        for start in stride(from: 0, to: Self.stream.count, by: size) {
            decoder.append(ByteBuffer(bytes: Self.stream[start..<min(start + size, Self.stream.count)]))
            frames += try self.frames(&decoder)
        }
        #expect(
            frames == [
                Frame(kind: .heartbeat, channel: 0, payload: ByteBuffer()),
                Frame(kind: .method, channel: 7, payload: ByteBuffer(bytes: [1, 2, 3])),
                Frame(kind: .body, channel: 1, payload: ByteBuffer()),
            ]
        )
    }

    @Test(
        "What is no frame is refused",
        arguments: [
            [0x41, 0x4D, 0x51, 0x50, 0, 0, 9, 1], [0, 0, 0, 0, 0, 0, 0, 0xCE], [1, 0, 1, 0, 0, 0, 0, 0xCD],
            [1, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], [1, 0, 1, 0, 0, 0x0F, 0xF9],
        ] as [[UInt8]]
    )
    func malformed(_ bytes: [UInt8]) {
        var decoder = FrameDecoder()
        decoder.append(ByteBuffer(bytes: bytes))
        #expect(throws: WireError.self) { try decoder.next() }
    }

    @Test("A frame of the largest size is accepted")
    func largest() throws {
        var decoder = FrameDecoder(maximumFrame: 4096)
        decoder.append(ByteBuffer(bytes: [1, 0, 1, 0, 0, 0x0F, 0xF8] + [UInt8](repeating: 0, count: 4088) + [0xCE]))
        #expect(try decoder.next()?.payload.readableBytes == 4088)
    }

    @Test("No mutation of a byte stream can do more than be refused", arguments: 0..<200)
    func mutations(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var bytes = Self.stream + Self.stream
        for _ in 0..<(1 + random.next() % 4) {
            bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        var decoder = FrameDecoder()
        decoder.append(ByteBuffer(bytes: bytes))
        let pool = CodecPool()
        var count = 0
        do {
            while let frame = try decoder.next() {
                count += 1
                _ = try MethodDecoder.decode(frame.payload, pool: pool)
            }
        } catch {
            #expect(!error.detail.isEmpty)
        }
        #expect(count <= 6)
    }
}
