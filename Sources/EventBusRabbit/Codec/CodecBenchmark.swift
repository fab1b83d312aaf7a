// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import NIOCore

/// The codec without a connection, for benchmarks.
@_spi(Benchmarks) public enum CodecBenchmark {
    private static let frameMax = 131_072

    /// Appends the frames that publish a message.
    public static func encode(_ message: Message, into buffer: inout ByteBuffer) throws {
        try EventEncoder.publish(message, channel: 1, maximumFrame: self.frameMax, into: &buffer)
    }

    /// Decodes the frames of one delivery, as often as needed.
    public struct Decoder {
        private let frames: ByteBuffer
        private var decoder = FrameDecoder(maximumFrame: CodecBenchmark.frameMax)
        private var assembler = ContentAssembler(maximumBody: CodecBenchmark.frameMax)
        private let pool = CodecPool()

        /// Creates the frames with which a broker delivers a message.
        public init(delivering message: Message) throws {
            var published = ByteBuffer()
            try CodecBenchmark.encode(message, into: &published)
            var method = FrameDecoder(maximumFrame: CodecBenchmark.frameMax)
            method.append(published)
            let length = try method.next().map { $0.payload.readableBytes + Frame.overhead } ?? 0
            var payload = ByteBuffer()
            payload.writeMultipleIntegers(UInt16(60), UInt16(60))  // basic.deliver (AMQP 0-9-1 §1.8.3.9)
            try payload.writeShortString("consumer")
            payload.writeMultipleIntegers(UInt64(1), UInt8(0))
            try payload.writeShortString(Topology.exchange)
            try payload.writeShortString(message.topic.name)
            var frames = ByteBuffer()
            frames.writeMultipleIntegers(Frame.Kind.method.rawValue, UInt16(1), UInt32(payload.readableBytes))
            frames.writeImmutableBuffer(payload)
            frames.writeInteger(Frame.end)
            published.moveReaderIndex(forwardBy: length)
            frames.writeImmutableBuffer(published)
            self.frames = frames
        }

        /// The delivery as a consumer receives it.
        public mutating func decode() throws -> Delivery {
            self.decoder.append(self.frames)
            var message: IncomingMessage?
            while let frame = try self.decoder.next() {
                switch frame.kind {
                case .method: try self.assembler.begin(try MethodDecoder.decode(frame.payload, pool: self.pool))
                case .header: message = try self.assembler.header(frame.payload)
                default: message = try self.assembler.body(frame.payload)
                }
            }
            guard let message else {
                throw CodecError(.unexpectedFrame, "the frames are not a delivery")
            }
            return ReceivedMessage(message).delivery(1)
        }
    }
}
