// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import CEventBusPostgres

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

extension LibpqResult {
    /// Copies a result, which the caller has to free.
    init(reading result: OpaquePointer) {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK: self = .success(Self.statementResult(result, rows: Self.rows(result)))
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            self = .success(Self.statementResult(result, rows: Rows(columnCount: 0)))
        case PGRES_FATAL_ERROR: self = .failure(Self.serverFailure(result))
        case PGRES_PIPELINE_ABORTED: self = .aborted
        case PGRES_PIPELINE_SYNC: self = .sync
        default: self = .unexpected
        }
    }

    private static func statementResult(_ result: OpaquePointer, rows: Rows) -> StatementResult {
        StatementResult(
            hasCommitted: strcmp(PQcmdStatus(result), "COMMIT") == 0,
            affected: strtol(PQcmdTuples(result), nil, 10),
            rows: rows
        )
    }

    private static func rows(_ result: OpaquePointer) -> Rows {
        let count = PQntuples(result)
        let columns = PQnfields(result)
        var size = 0
        for row in 0..<count {
            for column in 0..<columns { size += Int(PQgetlength(result, row, column)) }
        }
        var rows = Rows(columnCount: Int(columns))
        rows.reserve(bytes: size, rows: Int(count))
        for row in 0..<count {
            for column in 0..<columns {
                guard PQgetisnull(result, row, column) == 0 else {
                    rows.append(nil)
                    continue
                }
                let length = Int(PQgetlength(result, row, column))
                rows.append(UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: length))
            }
            rows.endRow()
        }
        return rows
    }

    /// Copies the fields of an error or a notice.
    static func serverFailure(_ result: OpaquePointer) -> ServerFailure {
        ServerFailure(
            // Errors without a SQLSTATE come from libpq itself and concern the connection.
            state: Self.field("C", of: result).map { SQLState($0) } ?? .connectionFailure,
            constraint: Self.field("n", of: result),
            table: Self.field("t", of: result),
            column: Self.field("c", of: result),
            routine: Self.field("R", of: result),
            message: Self.field("M", of: result) ?? String(cString: PQresultErrorMessage(result))
        )
    }

    /// Whether an error or a notice says that the session ends.
    static func isFatal(_ result: OpaquePointer) -> Bool {
        ["FATAL", "PANIC"].contains(Self.field("V", of: result))
    }

    /// libpq identifies fields by letters (postgres_ext.h), in macros that Swift does not import.
    private static func field(_ letter: Unicode.Scalar, of result: OpaquePointer) -> String? {
        PQresultErrorField(result, Int32(letter.value)).map { String(cString: $0) }
    }
}
