// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import NIOCore
import Testing

@testable import EventBusRabbit

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Identity of foreign messages")
struct ForeignIdentityTests {
    /// A header as it travels: name, the byte for the type, and the value's bytes after their length, if the type has one.
    private struct RawHeader {
        let name: String
        let type: Character
        let value: [UInt8]
    }

    /// A message of another program with any bytes in its properties and headers.
    private func message(
        id: [UInt8]? = nil,
        appID: [UInt8]? = nil,
        _ headers: [RawHeader] = []
    ) throws -> ReceivedMessage {
        var table = ByteBuffer()
        for header in headers {
            table.writeInteger(UInt8(header.name.utf8.count))
            table.writeString(header.name)
            table.writeBytes([header.type.asciiValue ?? 0])
            if "SxAF".contains(header.type) { table.writeInteger(UInt32(header.value.count)) }
            table.writeBytes(header.value)
        }
        let flags: UInt16 = 1 << 13 | (id == nil ? 0 : 1 << 7) | (appID == nil ? 0 : 1 << 3)
        var header = ByteBuffer()
        header.writeMultipleIntegers(UInt16(60), UInt16(0), UInt64(2), flags, UInt32(table.readableBytes))
        header.writeImmutableBuffer(table)
        for text in [id, appID].compactMap({ $0 }) {
            header.writeInteger(UInt8(text.count))
            header.writeBytes(text)
        }
        let message = IncomingMessage(
            .basicDeliver(tag: 1, redelivered: false, exchange: "events", routingKey: "user.created"),
            header: header,
            try PropertyCodec.places(in: header),
            body: ByteBuffer(string: "{}")
        )
        return ReceivedMessage(try #require(message))
    }

    /// What is read from the copies of a message.
    private func copies(of message: ReceivedMessage) throws -> [ReceivedMessage] {
        let failures = Failures(count: 1, lastReason: "no")
        let dead = try self.received(MessageCopy.dead(message, of: "s", reason: "why", failures, at: Date(seconds: 1)))
        return try [
            MessageCopy.quarantined(message, of: "s"), MessageCopy.givenBack(message, of: "s"),
            MessageCopy.retry(message, of: "s", after: .seconds(1), failures),
            MessageCopy.moved(message, from: .none, to: "t"),
            MessageCopy.redriven(dead, of: "s"), MessageCopy.movedDead(dead, to: "t"),
        ].map(self.received) + [dead]
    }

    private func received(_ copy: OutgoingMessage) throws -> ReceivedMessage {
        var frames = ByteBuffer()
        try FrameEncoder.publish(copy, channel: 1, maximumFrame: 131_072, into: &frames)
        return try copy.received()
    }

    private static let oddBytes: [[UInt8]] =
        [
            [0], [0x20], Array("1".utf8), Array("01".utf8), Array("\u{e9}".utf8), Array("e\u{301}".utf8),
            Array("\u{FFFD}".utf8),
            [0xFF], [0xFE], [0xFF, 0xFF], [0xC3], [0xC3, 0x28], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xED, 0xA0, 0x80],
        ] + [124, 125, 254, 255].map { [UInt8](repeating: 0xFF, count: $0) }
        + [254, 255].map { [UInt8](repeating: 0x61, count: $0) }
    private static let longBytes: [[UInt8]] =
        [256, 257, 9999, 10_000].map { [UInt8](repeating: 0x61, count: $0) }
        + [256, 10_000].map { [UInt8](repeating: 0xFF, count: $0) }

    /// All ways to send an id of these bytes.
    private func forms(_ bytes: [UInt8]) throws -> [ReceivedMessage] {
        var forms = try ["cloudEvents_id", "cloudEvents:id"].flatMap { name in
            try ["S", "x"].map { try self.message([RawHeader(name: name, type: $0, value: bytes)]) }
        }
        if bytes.count <= 255 {
            forms.append(try self.message(id: bytes))
            forms.append(try self.message(id: bytes, [RawHeader(name: "cloudEvents_id", type: "S", value: [0x6F])]))
        }
        return forms
    }

    @Test("Different bytes are different ids in every form, and stay what they are in every copy")
    func ids() throws {
        var random = SeededRandom(seed: 13)
        let lengths = [1, 2, 8, 100, 200, 255, 300, 5000]
        let drawn = (0..<64).map { number in
            (0..<lengths[number % lengths.count]).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        }
        var seen: [EventIdentity: [UInt8]] = [:]
        for bytes in Self.oddBytes + Self.longBytes + drawn {
            for message in try self.forms(bytes) {
                let identity = message.message().identity
                #expect((1...255).contains(identity.id.utf8.count))
                #expect(seen[identity] == nil || seen[identity] == bytes)
                seen[identity] = bytes
                try message.message().validate()
                for copy in try self.copies(of: message) { #expect(copy.message().identity == identity) }
            }
        }
        #expect(seen.count == Set(Self.oddBytes + Self.longBytes + drawn).count)
    }

    @Test("UTF-8 of up to 255 bytes is the id as it is, bytes get digits, what is too long is hashed")
    func texts() throws {
        let long = [UInt8](repeating: 0x61, count: 256)
        let bytes = [UInt8](repeating: 0xFF, count: 125)
        for (id, text) in [
            (Array("e\u{301} \0".utf8), "e\u{301} \0"), ([0xFF, 0x0A], "bytes-ff0a"),
            // head -c 256 /dev/zero | tr '\0' a | sha256sum
            (long, "sha256-id-02d7160d77e18c6447be80c2e355c7ed4388545271702c50253b0914c65ce5fe"),
        ] {
            for message in try self.forms(id) { #expect(Array(message.messageID.utf8) == Array(text.utf8)) }
        }
        for message in try self.forms(bytes) { #expect(message.messageID.hasPrefix("sha256-id-")) }
        let header = RawHeader(name: "cloudEvents:source", type: "x", value: long)
        #expect(try self.message([header]).source.hasPrefix("sha256-source-02d7160d"))
        #expect(try self.message(appID: [0xFF]).source == "bytes-ff")
    }

    @Test("An id that is missing, empty or of another type is replaced by the hash of the content")
    func missing() throws {
        let hash = "sha256-2570215d8dd050dc48bd6846fd31b3c7eb2c83eb599396ff14a81e1dbca50dbb"
        #expect(try self.message().messageID == hash)
        #expect(try self.message(id: []).messageID == hash)
        #expect(try self.message(id: [], [RawHeader(name: "cloudEvents:id", type: "x", value: [])]).messageID == hash)
        #expect(try self.message([RawHeader(name: "cloudEvents_id", type: "V", value: [])]).messageID == hash)
        #expect(
            try self.message(id: [], [RawHeader(name: "cloudEvents_id", type: "S", value: [0x61])]).messageID == "a"
        )
    }

    @Test("One id from two sources is two events, also in copies")
    func sources() throws {
        var identities: Set<EventIdentity> = []
        for bytes in Self.oddBytes + Self.longBytes {
            for name in ["cloudEvents_source", "cloudEvents:source"] {
                for type in ["S", "x"] as [Character] {
                    let message = try self.message(id: [0x31], [RawHeader(name: name, type: type, value: bytes)])
                    identities.insert(message.message().identity)
                    try message.message().validate()
                    for copy in try self.copies(of: message) {
                        #expect(copy.message().identity == message.message().identity)
                    }
                }
            }
            guard bytes.count <= 255 else { continue }
            let message = try self.message(id: [0x31], appID: bytes)
            #expect(identities.contains(message.message().identity))
            for copy in try self.copies(of: message) { #expect(copy.message().identity == message.message().identity) }
        }
        #expect(identities.count == Self.oddBytes.count + Self.longBytes.count)
        // Without a source the topic stands in.
        #expect(try self.message(id: [0x31]).message().identity == EventIdentity(source: "user.created", id: "1"))
    }

    @Test("A copy that cannot keep its headers keeps source, time, version and key")
    func essentials() throws {
        let huge = RawHeader(name: "cloudEvents_extension", type: "S", value: [UInt8](repeating: 0x61, count: 120_000))
        let message = try self.message(
            id: [0x31],
            [
                huge, RawHeader(name: "cloudEvents:source", type: "S", value: Array("/shop".utf8)),
                RawHeader(name: "cloudEvents:time", type: "T", value: [0, 0, 0, 0, 0, 0, 1, 0]),
                RawHeader(name: "x-event-version", type: "I", value: [0, 0, 0, 7]),
                RawHeader(name: "x-ordering-key", type: "S", value: Array("k".utf8)),
            ]
        )
        for copy in try self.copies(of: message) { #expect(copy.message() == message.message()) }
    }

    @Test(
        "A time is read as RFC 3339 and as a timestamp, in both forms",
        arguments: ["cloudEvents_time", "cloudEvents:time"]
    )
    func times(_ name: String) throws {
        let text = RawHeader(name: name, type: "S", value: Array("1970-01-01T00:04:16.5Z".utf8))
        #expect(try self.message([text]).message().time == Date(timeIntervalSince1970: 256.5))
        let stamp = RawHeader(name: name, type: "T", value: [0, 0, 0, 0, 0, 0, 1, 0])
        #expect(try self.message([stamp]).message().time == Date(timeIntervalSince1970: 256))
        // In nanoseconds, as some producers send it, and the greatest number: no times.
        for value in [[0x18, 0x6C, 0xD9, 0xC8, 0x9D, 0, 0, 0], [UInt8](repeating: 0xFF, count: 8)] as [[UInt8]] {
            for name in [name, "x-first-failed-at", "x-dead-at"] {
                let message = try self.message([RawHeader(name: name, type: "T", value: value)])
                #expect(message.message().time == Date(seconds: 0))
                #expect(message.failures.firstAt == nil)
                _ = try self.copies(of: message)
            }
        }
    }

    @Test("Attributes in the form with a colon are read and are no headers of the message")
    func attributes() throws {
        let attributes = ["specversion": "1.0", "type": "t", "source": "/shop", "id": "7", "subject": "x"]
        let headers = attributes.map { RawHeader(name: "cloudEvents:" + $0, type: "S", value: Array($1.utf8)) }
        let message = try self.message(headers).message()
        #expect(message.id == "7")
        #expect(message.source == "/shop")
        #expect(message.type == "t")
        #expect(message.headers.isEmpty)
    }

    @Test("A header of any type changes no other header and never crashes", arguments: HeaderName.allCases)
    func anyType(_ name: HeaderName) throws {
        let others = [
            RawHeader(name: "cloudEvents_source", type: "S", value: Array("/shop".utf8)),
            RawHeader(name: "x-tenant", type: "S", value: Array("a".utf8)),
        ].filter { $0.name != name.description }
        let expected = try self.message(id: [0x31], others).message()
        let sizes: [Character: Int] = [
            "t": 1, "b": 1, "B": 1, "s": 2, "u": 2, "I": 4, "i": 4, "f": 4, "D": 5, "l": 8, "d": 8, "T": 8,
        ]
        let sized = sizes.map { type, size in
            RawHeader(name: name.description, type: type, value: [UInt8](repeating: 0xFF, count: size))
        }
        let unsized =
            [RawHeader(name: name.description, type: "V", value: [])]
            + ["A", "F"].map {
                RawHeader(name: name.description, type: $0, value: [])
            }
        for header in sized + unsized {
            let message = try self.message(id: [0x31], [header] + others)
            let read = message.message()
            #expect(read.id == "1")
            #expect(read.source == expected.source)
            #expect(read.headers == expected.headers)
            #expect(read.body == expected.body)
            for copy in try self.copies(of: message) { #expect(copy.message().identity == read.identity) }
        }
    }
}
