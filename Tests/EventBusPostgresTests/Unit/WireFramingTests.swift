// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import TestProxy
import Testing

/// How the proxy of the tests finds messages.
@Suite struct WireFramingTests {
    /// All messages, however the bytes are cut.
    private func messages(
        _ language: WireFraming.Language,
        _ direction: WireDirection,
        _ bytes: [UInt8],
        each size: Int
    ) -> [WireMessage] {
        var framing = WireFraming(language, direction)
        var found: [WireMessage] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            found += framing.append(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(found.flatMap(\.bytes) == bytes)
        return found
    }

    @Test(arguments: [1, 3, 100])
    func messagesOfPostgresAreFoundByTheirLength(size: Int) {
        let tls: [UInt8] = [0, 0, 0, 8, 4, 210, 22, 47]
        let start: [UInt8] = [0, 0, 0, 9, 0, 3, 0, 0, 0]
        let query: [UInt8] = [UInt8(ascii: "Q"), 0, 0, 0, 11] + Array("COMMIT".utf8) + [0]
        let found = self.messages(.postgres, .toServer, tls + start + query + query, each: size)
        #expect(found.map(\.type) == [0, 0, UInt8(ascii: "Q"), UInt8(ascii: "Q")])
        #expect(found.map { $0.isPostgres("Q", "COMMIT") } == [false, false, true, true])
        let answers = self.messages(.postgres, .toClient, [UInt8(ascii: "Z"), 0, 0, 0, 5, 73], each: size)
        #expect(answers.map(\.type) == [UInt8(ascii: "Z")])
    }

    @Test(arguments: [1, 5, 100])
    func framesOfAMQPAreFoundByTheirLength(size: Int) {
        let header = Array("AMQP".utf8) + [0, 0, 9, 1]
        let frame: [UInt8] = [1, 0, 1, 0, 0, 0, 4, 0, 60, 0, 80, 206]
        let found = self.messages(.amqp, .toServer, header + frame + frame, each: size)
        #expect(found.map(\.type) == [0, 1, 1])
        #expect(self.messages(.amqp, .toClient, frame, each: size).map(\.type) == [1])
    }
}
