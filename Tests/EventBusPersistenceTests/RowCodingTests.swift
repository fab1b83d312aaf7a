// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct RowCodingTests {
    private static let id = Identifier(high: 0x0198_C3F0_7D1E_7A52, low: 0x8D4F_3F0B_6F3A_9C11)

    // MARK: Values that fit

    struct Everything: Entity, Equatable {
        enum Mood: String, Codable { case glad, sad }
        enum Level: Int, Codable { case low = -1, high = 7 }

        static let schema = EntitySchema<Everything>(
            table: "everything",
            columns: [
                .uuid("id"), .text("text"), .int("int"), .double("double"), .bool("bool"), .timestamp("time"),
                .bytes("bytes"), .bytes("data"), .int("small"), .int("unsigned"), .double("float"), .text("mood"),
                .int("level"), .uuid("maybe_id"), .text("maybe_text"), .int("maybe_int"), .double("maybe_double"),
                .bool("maybe_bool"), .timestamp("maybe_time"), .bytes("maybe_bytes"), .text("maybe_mood"),
            ]
        )

        let id: Identifier
        var text = "ä"
        var int = Int64.min
        var double = 0.1 + 0.2
        var bool = true
        var time = Date(timeIntervalSince1970: 1_767_225_600.123456)
        var bytes: [UInt8] = [0, 255]
        var data = Data([1, 2])
        var small: Int8 = -128
        var unsigned: UInt32 = .max
        var float: Float = 0.5
        var mood = Mood.sad
        var level = Level.high
        var maybeID: Identifier?
        var maybeText: String?
        var maybeInt: Int?
        var maybeDouble: Double?
        var maybeBool: Bool?
        var maybeTime: Date?
        var maybeBytes: [UInt8]?
        var maybeMood: Mood?

        enum CodingKeys: String, CodingKey {
            case id, text, int, double, bool, time, bytes, data, small, unsigned, float, mood, level
            case maybeID = "maybe_id"
            case maybeText = "maybe_text"
            case maybeInt = "maybe_int"
            case maybeDouble = "maybe_double"
            case maybeBool = "maybe_bool"
            case maybeTime = "maybe_time"
            case maybeBytes = "maybe_bytes"
            case maybeMood = "maybe_mood"
        }
    }

    private static let whole: [ColumnValue] = [
        .uuid(id), .text("ä"), .int(.min), .double(0.1 + 0.2), .bool(true),
        .timestamp(Date(timeIntervalSince1970: 1_767_225_600.123456)), .bytes([0, 255]), .bytes([1, 2]), .int(-128),
        .int(Int64(UInt32.max)), .double(0.5), .text("sad"), .int(7),
    ]

    @Test func everyKindOfValueHasItsColumn() throws {
        let model = Everything(id: Self.id)
        let row = try Everything.schema.row(of: model)
        #expect(row == Self.whole + Array(repeating: .null, count: 8))
        #expect(try Everything.schema.model(of: row) == model)
    }

    @Test func optionalsAreStoredAsTheirValue() throws {
        var model = Everything(id: Self.id)
        let time = Date(timeIntervalSince1970: 0)
        (model.maybeID, model.maybeText, model.maybeInt, model.maybeDouble) = (Self.id, "", 0, -0.5)
        (model.maybeBool, model.maybeTime, model.maybeBytes, model.maybeMood) = (false, time, [], .glad)
        let row = try Everything.schema.row(of: model)
        let optional: [ColumnValue] = [
            .uuid(Self.id), .text(""), .int(0), .double(-0.5), .bool(false), .timestamp(time), .bytes([]),
            .text("glad"),
        ]
        #expect(row == Self.whole + optional)
        #expect(try Everything.schema.model(of: row) == model)
    }

    @Test(arguments: [
        (1.000_000_4, 1.0), (1.000_000_6, 1.000_001), (-1.000_000_6, -1.000_001), (-0.25, -0.25), (0.0, 0.0),
        (1_767_225_600.123_456, 1_767_225_600.123_456),
    ])
    func timesAreRoundedToMicroseconds(seconds: Double, expected: Double) throws {
        var model = Everything(id: Self.id)
        model.time = Date(timeIntervalSince1970: seconds)
        let row = try Everything.schema.row(of: model)
        #expect(row[5] == .timestamp(Date(timeIntervalSince1970: expected)))
    }

    struct Whole: Entity {
        static let schema = EntitySchema<Whole>(table: "whole", columns: [.uuid("id"), .double("weight")])
        let id: Identifier
        let weight: Int
    }

    @Test func anIntegerFitsIntoAColumnOfDoubles() throws {
        let row = try Whole.schema.row(of: Whole(id: Self.id, weight: 3))
        #expect(row == [.uuid(Self.id), .double(3)])
    }

    // MARK: Values that no store can hold

    @Test(arguments: [Double.nan, .infinity, -.infinity, 9_224_318_016_000, -210_866_803_201])
    func timesOutOfRangeAreInvalid(seconds: Double) throws {
        var model = Everything(id: Self.id)
        model.time = Date(timeIntervalSince1970: seconds)
        #expect(Self.error { try Everything.schema.row(of: model) } == .invalidValue)
    }

    @Test(arguments: [9_224_318_015_999.0, -210_866_803_200])
    func theLastTimesInRangeAreValid(seconds: Double) throws {
        var model = Everything(id: Self.id)
        model.time = Date(timeIntervalSince1970: seconds)
        #expect(try Everything.schema.row(of: model)[5] == .timestamp(model.time))
    }

    @Test(arguments: ["\0", "a\0", "\0b"])
    func textWithNULIsInvalid(text: String) throws {
        var model = Everything(id: Self.id)
        model.text = text
        let error = #expect(throws: RepositoryError.self) { try Everything.schema.row(of: model) }
        #expect(error?.code == .invalidValue)
        #expect(error?.message == "everything.text: text must not contain NUL")
    }

    struct Huge: Entity {
        static let schema = EntitySchema<Huge>(table: "huge", columns: [.uuid("id"), .int("number")])
        let id: Identifier
        let number: UInt64
    }

    @Test func aNumberOfMoreThan64BitsWithSignIsInvalid() {
        #expect(Self.error { try Huge.schema.row(of: Huge(id: Self.id, number: 1 << 63)) } == .invalidValue)
        #expect(throws: Never.self) { try Huge.schema.row(of: Huge(id: Self.id, number: 1 << 63 - 1)) }
    }

    @Test(arguments: [ColumnValue.int(128), .int(-129)])
    func aNumberOutOfThePropertysRangeIsAMismatch(value: ColumnValue) throws {
        var row = try Everything.schema.row(of: Everything(id: Self.id))
        row[8] = value
        #expect(Self.error { try Everything.schema.model(of: row) } == .schemaMismatch)
    }

    @Test func aMessageWhoseVersionNeedsMoreThan32BitsIsInvalid() {
        let time = Date(timeIntervalSince1970: 0)
        let message = Message(id: "m", topic: "test", version: Int(Int32.max) + 1, time: time, body: [])
        let error = #expect(throws: RepositoryError.self) { try message.checkStorable() }
        #expect(error?.code == .invalidValue)
    }

    // MARK: Mismatches

    struct Nested: Entity {
        struct Inner: Codable, Sendable { var value = 1 }
        static let schema = EntitySchema<Nested>(table: "nested", columns: [.uuid("id"), .text("inner")])
        let id: Identifier
        var inner = Inner()
    }

    struct Listed: Entity {
        static let schema = EntitySchema<Listed>(table: "listed", columns: [.uuid("id"), .text("list")])
        let id: Identifier
        var list = ["a"]
    }

    struct Mapped: Entity {
        static let schema = EntitySchema<Mapped>(table: "mapped", columns: [.uuid("id"), .text("map")])
        let id: Identifier
        var map = ["a": 1]
    }

    struct Undeclared: Entity {
        static let schema = EntitySchema<Undeclared>(table: "undeclared", columns: [.uuid("id")])
        let id: Identifier
        var more = "more"
    }

    struct Wrong: Entity {
        static let schema = EntitySchema<Wrong>(table: "wrong", columns: [.uuid("id"), .int("text")])
        let id: Identifier
        var text = "7"
    }

    @Test func aTypeThatNoColumnCanStoreIsAMismatch() {
        #expect(Self.error { try Nested.schema.row(of: Nested(id: Self.id)) } == .schemaMismatch)
        #expect(Self.error { try Listed.schema.row(of: Listed(id: Self.id)) } == .schemaMismatch)
        #expect(Self.error { try Mapped.schema.row(of: Mapped(id: Self.id)) } == .schemaMismatch)
        let row: [ColumnValue] = [.uuid(Self.id), .text("x")]
        #expect(Self.error { try Nested.schema.model(of: row) } == .schemaMismatch)
        #expect(Self.error { try Listed.schema.model(of: row) } == .schemaMismatch)
        #expect(Self.error { try Mapped.schema.model(of: row) } == .schemaMismatch)
    }

    @Test func aPropertyWithoutAColumnIsAMismatch() {
        let error = #expect(throws: RepositoryError.self) {
            try Undeclared.schema.row(of: Undeclared(id: Self.id))
        }
        #expect(error?.code == .schemaMismatch)
        #expect(error?.message == "undeclared has no column for the coding key more")
    }

    @Test func aColumnOfAnotherKindIsAMismatch() {
        let error = #expect(throws: RepositoryError.self) { try Wrong.schema.row(of: Wrong(id: Self.id)) }
        #expect(error?.code == .schemaMismatch)
        #expect(error?.message.contains("wrong.text") == true)
        #expect(error?.description.contains("7") == false, "an error never contains a value")
    }

    struct Spare: Entity {
        static let schema = EntitySchema<Spare>(table: "spare", columns: [.uuid("id"), .text("spare"), .int("other")])
        let id: Identifier
    }

    @Test func aColumnWithoutAPropertyIsNullAndIgnored() throws {
        let row = try Spare.schema.row(of: Spare(id: Self.id))
        #expect(row == [.uuid(Self.id), .null, .null])
        #expect(try Spare.schema.model(of: [.uuid(Self.id), .text("x"), .int(1)]).id == Self.id)
    }

    @Test(arguments: [
        (1, ColumnValue.null, "field text is null"), (1, .int(7), "field text has the wrong type"),
        (2, .text("7"), "field int has the wrong type"), (0, .text("no"), "field id has the wrong type"),
        (11, .text("angry"), "field mood has an invalid value"),
    ])
    func aRowThatCannotBeDecodedNamesTheColumn(index: Int, value: ColumnValue, fault: String) throws {
        var row = try Everything.schema.row(of: Everything(id: Self.id))
        row[index] = value
        let error = #expect(throws: RepositoryError.self) { try Everything.schema.model(of: row) }
        #expect(error?.code == .schemaMismatch)
        #expect(error?.message == "Everything: \(fault)")
    }

    // MARK: Keys

    @Test func textsAreComparedByTheirBytes() {
        #expect(ColumnValue.text("\u{E9}") != .text("e\u{301}"))
        #expect(Set([ColumnValue.text("\u{E9}"), .text("e\u{301}"), .text("\u{E9}")]).count == 2)
        #expect(ColumnValue.text("7") != .int(7))
        #expect(ColumnValue.null == .null)
    }

    @Test(arguments: [("AZaz", "azaz"), ("É[@", "É[@"), ("ẞİ", "ẞİ"), ("", "")])
    func ignoringCaseConcernsASCIILettersOnly(text: String, normal: String) {
        let key = UniqueKey<Whole>("key", on: "id", ignoringCase: true)
        #expect(key.normalized(.text(text)) == .text(normal))
        #expect(UniqueKey<Whole>("key", on: "id").normalized(.text(text)) == .text(text))
        #expect(key.normalized(.int(1)) == .int(1))
    }

    private static func error<Value>(_ body: () throws -> Value) -> RepositoryError.Code? {
        do { _ = try body() } catch { return (error as? RepositoryError)?.code }
        return nil
    }
}
