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

/// A libpq connection and nothing else; freed with its last owner.
///
/// One thread at a time (PostgreSQL 15 manual, 34.20).
struct Wire: ~Copyable {
    /// What `PQconnectPoll` waits for.
    enum Progress: Sendable {
        case reading, writing, connected, failed
    }

    private let connection: OpaquePointer
    /// The values that are being sent, kept for the next statement.
    private var values: [UInt8] = []
    private var starts: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    /// A buffer that a large value has grown beyond this is not kept.
    private static let keptCapacity = 65_536

    /// Begins to connect; the parameters should hold a numeric address, or libpq resolves the name here and now.
    init?(parameters: [(String, String)]) {
        let keywords = parameters.map { strdup($0.0) }
        let values = parameters.map { strdup($0.1) }
        defer { for text in keywords + values { free(text) } }
        let started = (keywords.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { keywords in
            (values.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { values in
                keywords.baseAddress.flatMap { keywords in
                    values.baseAddress.flatMap { PQconnectStartParams(keywords, $0, 0) }
                }
            }
        }
        guard let started else { return nil }
        self.connection = started
        // libpq would print notices on stderr.
        _ = PQsetNoticeReceiver(started, { _, _ in }, nil)
    }

    deinit { PQfinish(self.connection) }

    var isBad: Bool { PQstatus(self.connection) == CONNECTION_BAD }
    /// May change while it connects.
    var descriptor: Int32 { PQsocket(self.connection) }
    var usesTLS: Bool { PQsslInUse(self.connection) == 1 }
    /// May hold names of hosts and roles; never a password.
    var errorMessage: String { String(cString: PQerrorMessage(self.connection)) }

    mutating func connect() -> Progress {
        switch PQconnectPoll(self.connection) {
        case PGRES_POLLING_READING: .reading
        case PGRES_POLLING_WRITING: .writing
        case PGRES_POLLING_OK: .connected
        default: .failed
        }
    }

    mutating func enterNonBlocking(pipeline: Bool) -> Bool {
        guard PQsetnonblocking(self.connection, 1) == 0 else { return false }
        // Otherwise the connection's error text could hold values of rows, and it is logged when the connection is lost.
        _ = PQsetErrorVerbosity(self.connection, PQERRORS_SQLSTATE)
        return pipeline ? PQenterPipelineMode(self.connection) == 1 : true
    }

    mutating func prepare(_ statement: Statement, as name: String) -> Bool {
        let types = statement.parameters.map { $0.type.oid }
        return PQsendPrepare(self.connection, name, statement.sql.text, Int32(types.count), types) == 1
    }

    /// How many bytes its values take; nil when it could not be sent.
    mutating func execute(_ name: String, _ parameters: [Parameter]) -> Int? {
        self.write(parameters)
        // libpq copies the values at once, so they only have to stay where they are for the length of this call; one
        // flat buffer is the way to promise that for any number of them.
        let isSent = self.values.withUnsafeBytes { buffer in
            let places = self.starts.map { start in
                start.map { buffer.baseAddress?.advanced(by: $0).assumingMemoryBound(to: CChar.self) } ?? nil
            }
            return PQsendQueryPrepared(
                self.connection,
                name,
                Int32(parameters.count),
                places,
                self.lengths,
                self.formats,
                1
            ) == 1
        }
        return isSent ? self.values.count : nil
    }

    private mutating func write(_ parameters: [Parameter]) {
        self.values.removeAll(keepingCapacity: self.values.capacity <= Self.keptCapacity)
        self.starts.removeAll(keepingCapacity: true)
        self.lengths.removeAll(keepingCapacity: true)
        for parameter in parameters {
            let start = self.values.count
            parameter.write(to: &self.values)
            self.starts.append(parameter.isNull ? nil : start)
            self.lengths.append(Int32(self.values.count - start))
        }
        // All in binary.
        while self.formats.count < parameters.count { self.formats.append(1) }
        // An empty buffer has no address, and a value without one would be NULL.
        self.values.append(0)
    }

    /// Sends Sync, and in libpq 15 everything before it.
    mutating func sync() -> Bool { PQpipelineSync(self.connection) == 1 }

    /// Sends SQL text of any number of commands; not in pipeline mode.
    mutating func sendScript(_ sql: String) -> Bool { PQsendQuery(self.connection, sql) == 1 }

    /// Whether something is left to be sent.
    ///
    /// A broken connection shows when it is read.
    mutating func flush() -> Bool { PQflush(self.connection) == 1 }

    mutating func consumeInput() -> Bool { PQconsumeInput(self.connection) == 1 }

    /// Looks whether a session on which nothing is due has been ended by the server.
    mutating func hasEnded() -> Bool {
        var readable = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&readable, 1, 0) != 0 else { return false }
        // The server's farewell is read first; the end of the stream shows after it.
        guard self.consumeInput() else { return true }
        _ = self.isBusy
        return !self.consumeInput() || self.isBad
    }

    /// Whether `nextResult` would block.
    var isBusy: Bool { PQisBusy(self.connection) == 1 }

    /// nil ends the results of one command.
    mutating func nextResult() -> WireResult? {
        guard let result = PQgetResult(self.connection) else { return nil }
        defer { PQclear(result) }
        return WireResult(reading: result)
    }
}
