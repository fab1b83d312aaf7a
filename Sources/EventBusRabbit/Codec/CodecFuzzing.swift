// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// The decoders without a connection, for tests with random bytes.
@_spi(Fuzzing) public enum CodecFuzzing {
    /// What could be read before the stream ended or was refused.
    struct Reading {
        var frames = 0
        var methods = 0
        var messages = 0
        var headers = 0
        var problem: CodecError?
    }

    /// Reads bytes as if a broker had sent them; what they are does not matter as long as this returns.
    public static func read(_ bytes: UnsafeRawBufferPointer) {
        guard let first = bytes.first else { return }
        // The first byte decides how the rest is cut into pieces.
        _ = self.reading(ByteBuffer(bytes: bytes.dropFirst()), piece: 1 + Int(first) * 16)
    }

    /// Reads bytes that arrive in pieces of a size, with everything of a message that a consumer reads of it.
    static func reading(_ bytes: ByteBuffer, piece: Int) -> Reading {
        var reading = Reading()
        var reader = Reader()
        var rest = bytes
        do throws(CodecError) {
            while let next = rest.readSlice(length: min(piece, rest.readableBytes)), next.readableBytes > 0 {
                try reader.read(next, &reading)
            }
        } catch {
            reading.problem = error
        }
        return reading
    }

    private struct Reader {
        private var decoder = FrameDecoder(maximumFrame: 16_384)
        private let pool = CodecPool()
        private var assemblers: [UInt16: ContentAssembler] = [:]

        mutating func read(_ bytes: ByteBuffer, _ reading: inout Reading) throws(CodecError) {
            self.decoder.append(bytes)
            while let frame = try self.decoder.next() {
                reading.frames += 1
                var assembler = self.assemblers[frame.channel] ?? ContentAssembler(maximumBody: 1_000_000)
                defer { self.assemblers[frame.channel] = assembler }
                var message: IncomingMessage?
                switch frame.kind {
                case .heartbeat: break
                case .method:
                    let method = try MethodDecoder.decode(frame.payload, pool: self.pool)
                    reading.methods += 1
                    if method.hasContent { try assembler.begin(method) }
                case .header: message = try assembler.header(frame.payload)
                case .body: message = try assembler.body(frame.payload)
                }
                guard let message else { continue }
                reading.messages += 1
                self.use(message, &reading)
            }
        }

        private func use(_ message: IncomingMessage, _ reading: inout Reading) {
            _ = ReceivedMessage(message).delivery(1)
            _ = message.properties
            var headers = message.headers
            headers.removeAll { name in name.hasPrefix("x-") }
            _ = message.visitHeaders { _, value in
                var encoded = ByteBuffer(bytes: value)
                if (try? encoded.readFieldValue()) != nil { reading.headers += 1 }
            }
        }
    }
}
