// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation
import Testing

@testable import EventBusPersistence
@testable import EventBusPostgres

@Suite struct CodecTests {
    private func row(_ parameters: Parameter...) -> Row {
        var rows = Rows(columnCount: parameters.count)
        for parameter in parameters {
            guard !parameter.isNull else {
                rows.append(nil)
                continue
            }
            parameter.bytes.withUnsafeBytes { rows.append($0) }
        }
        rows.endRow()
        return rows[0]
    }

    @Test func valuesHavePostgresBinaryFormat() throws {
        #expect(Parameter.int8(-2).bytes == [255, 255, 255, 255, 255, 255, 255, 254])
        #expect(Parameter.bool(true).bytes == [1])
        #expect(Parameter.double(1).bytes == [0x3F, 0xF0, 0, 0, 0, 0, 0, 0])
        #expect(try Parameter.text("é").bytes == [0xC3, 0xA9])
        // One microsecond after 2000-01-01.
        let time = Date(timeIntervalSince1970: 946_684_800.000_001)
        #expect(try Parameter.timestamp(time).bytes == [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(Parameter.uuid(Identifier(high: 1, low: 2)).bytes == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2])
    }

    @Test func anArrayHasItsHeaderAndNulls() {
        let array = Parameter.array(of: .int4, [.int4(7), .null(.int4)])
        #expect(array.type.oid == 1007)
        #expect(
            array.bytes == [
                0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255,
            ]
        )
        #expect(Parameter.array(of: .text, []).bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25])
    }

    @Test(arguments: [-1e9, 0, 0.123456, 946_684_799.999_999, 1_767_225_600.000_001, 4e9])
    func aTimeIsReadAsItWasWrittenToTheMicrosecond(seconds: Double) throws {
        let microseconds = (seconds * 1_000_000).rounded() / 1_000_000
        let date = Date(timeIntervalSince1970: microseconds)
        #expect(try self.row(try .timestamp(date)).timestamp(0) == date)
    }

    @Test func valuesAreReadAsTheyWereWritten() throws {
        let id = Stamp.next().id
        let row = self.row(
            .uuid(id),
            .int8(.min),
            .double(-0.1),
            .bool(false),
            .bytes([0, 255]),
            try .text("ü"),
            .null(.text)
        )
        #expect(try row.uuid(0) == id)
        #expect(try row.int8(1) == .min)
        #expect(try row.double(2) == -0.1)
        #expect(try row.bool(3) == false)
        #expect(row.bytes(4) == [0, 255])
        #expect(try row.text(5) == "ü")
        #expect(row.isNull(6))
    }

    @Test func aCellOfAnotherTypeOrWithoutValueThrows() throws {
        let row = self.row(.int4(1), .null(.int8), .bytes([0xFF]))
        #expect(throws: PostgresError.self) { try row.int8(0) }
        #expect(throws: PostgresError.self) { try row.int8(1) }
        #expect(throws: PostgresError.self) { try row.text(2) }
        #expect(throws: PostgresError.self) { try row.uuid(0) }
    }

    @Test func valuesThatPostgresCannotStoreAreRejected() {
        #expect(throws: PostgresError.self) { try Parameter.text("a\0b") }
        #expect(throws: PostgresError.self) { try Parameter.timestamp(Date(timeIntervalSince1970: .infinity)) }
        #expect(throws: PostgresError.self) { try Parameter.timestamp(Date(timeIntervalSince1970: 1e300)) }
    }

    @Test func noErrorDescriptionContainsStoredValues() {
        let failure = ServerFailure(state: .uniqueViolation, constraint: "key", message: "Key (email)=(ann@x) exists")
        #expect("\(failure)" == "SQLSTATE 23505, constraint key")
        #expect("\(PostgresError(.connectionLost, detail: "secret"))" == "PostgresError.connectionLost")
    }

    @Test func aSchemaMismatchNamesWhatTheServerReports() {
        let missing = ServerFailure(
            state: SQLState("42703"),
            message: "column \"age\" of relation \"people\" does not exist"
        )
        let null = ServerFailure(state: SQLState("23502"), table: "people", column: "age", message: "with a value")
        let write = PostgresWrite(Statement("INSERT"), table: "people")
        let text = "people: the schema does not match the database: "
        #expect(
            RepositoryError(missing, of: write).message
                == text + "column \"age\" of relation \"people\" does not exist (42703)"
        )
        #expect(
            RepositoryError(null, of: write).message
                == text + "column \"age\" of table \"people\" must have a value (23502)"
        )
    }

    @Test(arguments: [
        ("", "must not be empty"), ("Users", "upper case is not allowed"), ("1a", "must not begin with a digit"),
        ("a-b", "only a-z, 0-9 and _ are allowed"), ("a\"b", "only a-z, 0-9 and _ are allowed"),
        ("pg_users", "pg_ is reserved for Postgres"),
        (String(repeating: "a", count: 64), "at most 63 characters are allowed"),
        ("ü", "only a-z, 0-9 and _ are allowed"),
    ])
    func aSchemaNameThatNeedsQuotingIsRejectedWithTheRule(name: String, rule: String) {
        let error = #expect(throws: RepositoryError.self) { try SchemaName(name) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message == "schema \"\(name)\": \(rule)")
    }
}

extension Parameter {
    /// The bytes to send.
    fileprivate var bytes: [UInt8] {
        var bytes: [UInt8] = []
        self.write(to: &bytes)
        return bytes
    }
}
