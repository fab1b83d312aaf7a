// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Events as JSON")
struct EventCodingTests {
    private struct Address: Codable, Equatable { let city: String }

    private struct Moved: Event, Equatable {
        static let topic: Topic = "user.moved"
        static let version = 2
        let id: Identifier
        let at: Date
        let to: Address
        var note: String?
        var orderingKey: String? { self.id.description }
    }

    private struct Bare: Event {
        static let topic: Topic = "bare.thing.happened"
        let ratio: Double
    }

    private let moved = Moved(
        id: Identifier(high: 1, low: 2),
        at: Date(timeIntervalSince1970: 1_767_225_600),
        to: Address(city: "Köln/\"Deutz\"")
    )

    @Test func anEventIsEncodedAsAPlainObject() throws {
        let stamp = Stamp(id: Identifier(high: 3, low: 4), time: Date(timeIntervalSince1970: 5))
        let message = try Message(self.moved, stamp: stamp)
        #expect(
            String(decoding: message.body, as: UTF8.self)
                == #"{"at":"2026-01-01T00:00:00Z","id":"00000000-0000-0001-0000-000000000002","to":{"city":"Köln/\"Deutz\""}}"#
        )
        #expect(message.id == "00000000-0000-0003-0000-000000000004" && message.time == stamp.time)
        #expect(message.topic == "user.moved" && message.type == "user.moved" && message.version == 2)
        #expect(message.source == "/user" && message.orderingKey == "00000000-0000-0001-0000-000000000002")
        #expect(message.requiresSubscriber && message.contentType == "application/json")
        #expect(try message.decode(Moved.self) == self.moved)
    }

    @Test func anEventHasDefaults() throws {
        let message = try Message(Bare(ratio: 1))
        #expect(message.version == 1 && message.source == "/bare" && message.orderingKey == nil)
    }

    @Test func anEventThatJSONCannotRepresentIsAnInvalidMessage() {
        let error = #expect(throws: BusError.self) { try Message(Bare(ratio: .nan)) }
        #expect(error?.code == .invalidMessage)
    }

    @Test func anEventThatExceedsALimitIsAnInvalidMessage() {
        struct Long: Event {
            static let topic: Topic = "long"
            var orderingKey: String? { String(repeating: "k", count: 256) }
        }
        let error = #expect(throws: BusError.self) { try Message(Long()) }
        #expect(error?.code == .invalidMessage)
    }

    @Test(arguments: [
        (0.0, "1970-01-01T00:00:00Z"), (1_767_225_600, "2026-01-01T00:00:00Z"),
        (1_767_225_600.5, "2026-01-01T00:00:00.500Z"), (1_767_225_599.999, "2025-12-31T23:59:59.999Z"),
        (1_767_225_599.9996, "2026-01-01T00:00:00Z"), (1_767_225_600.0004, "2026-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"), (1_767_225_600.001, "2026-01-01T00:00:00.001Z"),
    ])
    func timesAreFormattedInUTCToTheMillisecond(seconds: Double, text: String) {
        #expect(EventCoding.text(of: Date(timeIntervalSince1970: seconds)) == text)
    }

    @Test(arguments: [
        ("2026-01-01T00:00:00Z", 1_767_225_600), ("2026-01-01T00:00:00.5Z", 1_767_225_600.5),
        ("2026-01-01T00:00:00.123Z", 1_767_225_600.123), ("2026-01-01T00:00:00.123456Z", 1_767_225_600.123456),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600), ("2025-12-31T19:30:00.250-04:30", 1_767_225_600.25),
        ("2026-01-01t00:00:00z", 1_767_225_600), ("2016-12-31T23:59:60Z", 1_483_228_800),
        ("2026-01-01T00:00:00.1234567890123456789Z", 1_767_225_600.123), ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.5Z", -0.5), ("2000-02-29T12:00:00Z", 951_825_600),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ])
    func timesAreParsedWithAndWithoutFractionAndOffset(text: String, seconds: Double) throws {
        let date = try #require(EventCoding.date(from: text))
        #expect(abs(date.timeIntervalSince1970 - seconds) < 0.001)
    }

    @Test(arguments: [
        "", "yesterday", "2026-01-01", "1767225600", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00Zx",
        "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00Z",
        " 2026-01-01T00:00:00Z", "26-01-01T00:00:00Z", "2026-1-1T00:00:00Z", "٢026-01-01T00:00:00Z",
        "2026-01-01T00:00:00+01:0",
    ])
    func anyOtherTextIsNotATime(text: String) {
        #expect(EventCoding.date(from: text) == nil)
    }

    @Test func everyMillisecondIsFormattedExactly() {
        for milliseconds in stride(from: 0, to: 1000, by: 1) {
            let date = Date(timeIntervalSince1970: 1_767_225_600 + Double(milliseconds) / 1000)
            let digits = String(1000 + milliseconds).dropFirst()
            let expected = milliseconds == 0 ? "2026-01-01T00:00:00Z" : "2026-01-01T00:00:00.\(digits)Z"
            guard EventCoding.text(of: date) != expected else { continue }
            Issue.record("\(expected) is formatted as \(EventCoding.text(of: date))")
            return
        }
    }

    @Test func formattedDaysOfAllYearsAreParsedAsTheSameDays() {
        for day in stride(from: -719_528, to: 2_932_896, by: 331) {
            let date = Date(timeIntervalSince1970: Double(day) * 86400 + 43_200)
            guard EventCoding.date(from: EventCoding.text(of: date)) != date else { continue }
            Issue.record("\(EventCoding.text(of: date)) is not parsed as \(date)")
            return
        }
    }

    @Test func daysOfEightCenturiesAreFormattedAsByFoundation() {
        // Starts in 1600 because Foundation uses the Julian calendar before 1582.
        for day in stride(from: -135_140, to: 157_000, by: 13) {
            let date = Date(timeIntervalSince1970: Double(day) * 86400 + 86_399)
            guard EventCoding.text(of: date) != date.formatted(Date.ISO8601FormatStyle()) else { continue }
            Issue.record("\(date) is formatted as \(EventCoding.text(of: date))")
            return
        }
    }

    private func body(_ text: String, version: Int = 2) -> Message {
        Message(
            id: "1",
            topic: Moved.topic,
            version: version,
            time: Date(timeIntervalSince1970: 0),
            body: Array(text.utf8)
        )
    }

    @Test func unknownFieldsAreIgnoredAndOlderVersionsAreDecoded() throws {
        let text =
            #"{"id":"00000000-0000-0001-0000-000000000002","at":"2026-01-01T00:00:00.000+00:00","to":{"city":"x","zip":1},"new":[]}"#
        #expect(try self.body(text).decode(Moved.self).to.city == "x")
        #expect(try self.body(text, version: 1).decode(Moved.self).to.city == "x")
    }

    @Test func aNewerVersionIsUndecodable() {
        let error = #expect(throws: BusError.self) { try self.body("{}", version: 3).decode(Moved.self) }
        #expect(error?.code == .undecodable)
        #expect(error?.message == "user.moved has version 3, this consumer reads up to version 2")
    }

    @Test func theKeyOfADictionaryIsDataAndIsNotShown() throws {
        struct Shared: Event {
            static let topic: Topic = "user.shared"
            let shares: [String: Int]
        }
        let error = #expect(throws: BusError.self) {
            try self.body(#"{"shares":{"ada@example.com":"x"}}"#, version: 1).decode(Shared.self)
        }
        #expect(error?.message == "user.shared: field shares.* has the wrong type")
    }

    private static let id = #""id":"00000000-0000-0001-0000-000000000002""#
    private static let at = #""at":"2026-01-01T00:00:00Z""#

    @Test(arguments: [
        ("{\(id),\(at)}", "field to is missing"),
        ("{\(id),\(at),\"to\":{}}", "field to.city is missing"),
        ("{\(id),\(at),\"to\":{\"city\":null}}", "field to.city is null"),
        ("{\(id),\(at),\"to\":\"SECRET\"}", "field to has the wrong type"),
        ("{\(id),\(at),\"to\":null}", "field to is null"),
        ("{\(id),\(at),\"to\":{\"city\":[\"SECRET\"]}}", "field to.city has the wrong type"),
        ("{\(id),\"at\":\"SECRET\",\"to\":{\"city\":\"x\"}}", "field at has an invalid value"),
        ("{\"id\":\"SECRET\",\(at),\"to\":{\"city\":\"x\"}}", "field id has an invalid value"),
        ("{\"id\":987654321,\(at),\"to\":{\"city\":\"x\"}}", "field id has the wrong type"),
        ("[\"SECRET\"]", "the body has the wrong type"),
        ("\"SECRET\"", "the body has the wrong type"),
        ("SECRET", "the body is not valid JSON"),
        ("{\"SECRET\":", "the body is not valid JSON"),
        ("", "the body is not valid JSON"),
        ("\u{0}", "the body is not valid JSON"),
        ("{\(id),\(at),\"to\":{\"city\":\"SECRET\u{0}\"}}", "the body is not valid JSON"),
        (String(repeating: "[", count: 20_000), "the body is not valid JSON"),
        (
            String(repeating: "[", count: 20_000) + String(repeating: "]", count: 20_000), "the body is not valid JSON"
        ),
        (
            String(repeating: "{\"a\":", count: 20_000) + "1" + String(repeating: "}", count: 20_000),
            "the body is not valid JSON"
        ),
    ])
    func aDecodingErrorNamesTheFieldButContainsNoValue(text: String, fault: String) {
        let error = #expect(throws: BusError.self) { try self.body(text).decode(Moved.self) }
        #expect(error?.code == .undecodable)
        #expect(error?.message == "user.moved: \(fault)")
        #expect(error.map { "\($0)" } == "undecodable: user.moved: \(fault)")
    }

    @Test func aBodyThatIsNotUTF8IsUndecodable() {
        var message = self.body("")
        message.body =
            Array("{\(Self.id),\(Self.at),\"to\":{\"city\":\"".utf8) + [0xFF, 0xC3, 0x28] + Array("\"}}".utf8)
        let error = #expect(throws: BusError.self) { try message.decode(Moved.self) }
        #expect(error?.code == .undecodable)
    }

    @Test func anErrorOfAnotherTypeIsNotQuoted() {
        struct Revealing: Error, CustomStringConvertible { let description = "SECRET" }
        #expect("\(DecodingFault(Revealing()))" == "the body cannot be decoded")
    }
}
