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

/// A connection of libpq, which is closed when this value is destroyed.
///
/// It may be used by one thread at a time (PostgreSQL 15 manual, 34.20).
struct LibpqConnection: ~Copyable {
    /// What `PQconnectPoll` waits for.
    enum Progress: Sendable {
        case reading, writing, connected, failed
    }

    private let connection: OpaquePointer
    /// Buffers for the parameters of a statement, reused by the next one.
    private var values: [UInt8] = []
    private var offsets: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private let farewell: Farewell

    /// What the server has reported while no answer was due, such as why it ends the session.
    ///
    /// libpq takes such an error for a notice, and passes it to a C function that captures nothing.
    private final class Farewell {
        var failure: ServerFailure?
    }

    /// With TLS, OpenSSL can hold decrypted bytes while the socket is silent, so libpq is asked this often.
    static let recheck: Duration = .milliseconds(20)

    /// Buffers that a large value has grown beyond this capacity are not reused.
    private static let keptCapacity = 65_536

    /// Starts connecting.
    ///
    /// Without a numeric address in the parameters, libpq blocks while it resolves the host name.
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
        // Then the server's error code is in the message, which is all that libpq gives of a failed attempt.
        _ = PQsetErrorVerbosity(started, PQERRORS_VERBOSE)
        let farewell = Farewell()
        self.farewell = farewell
        // By default libpq prints notices to stderr.
        _ = PQsetNoticeReceiver(
            started,
            { farewell, result in
                guard let farewell, let result, LibpqResult.isFatal(result) else { return }
                let place = Unmanaged<Farewell>.fromOpaque(farewell).takeUnretainedValue()
                place.failure = LibpqResult.serverFailure(result)
            },
            Unmanaged.passUnretained(farewell).toOpaque()
        )
    }

    deinit { PQfinish(self.connection) }

    var isBad: Bool { PQstatus(self.connection) == CONNECTION_BAD }
    /// May change until the connection is open.
    var descriptor: Int32 { PQsocket(self.connection) }
    var usesTLS: Bool { PQsslInUse(self.connection) == 1 }
    /// Why the server has ended the session, if it has said so while no answer was due.
    var endedBy: ServerFailure? { self.farewell.failure }
    /// May contain names of hosts and roles, but no password.
    var errorMessage: String { String(cString: PQerrorMessage(self.connection)) }

    mutating func connect() -> Progress {
        switch PQconnectPoll(self.connection) {
        case PGRES_POLLING_READING: .reading
        case PGRES_POLLING_WRITING: .writing
        case PGRES_POLLING_OK: .connected
        default: .failed
        }
    }

    /// The number of the server's process, as it was sent at the start.
    var serverProcess: Int32 { PQbackendPID(self.connection) }

    mutating func enterNonBlocking() -> Bool {
        guard PQsetnonblocking(self.connection, 1) == 0 else { return false }
        // The error text of a lost connection is logged. By default it could contain values of rows.
        _ = PQsetErrorVerbosity(self.connection, PQERRORS_SQLSTATE)
        return true
    }

    mutating func enterPipeline() -> Bool { PQenterPipelineMode(self.connection) == 1 }

    /// Sends statements, preparing those that are not in the cache.
    ///
    /// A Sync has to follow.
    ///
    /// - Returns: the answers to expect, including that of the Sync, and the size in bytes; `nil` if a statement could not
    ///   be sent.
    mutating func send(
        _ statements: [Statement],
        preparing cache: inout StatementCache
    ) -> (entries: [Pipeline.Entry], size: Int)? {
        var entries: [Pipeline.Entry] = []
        entries.reserveCapacity(statements.count + 1)
        var size = 0
        for statement in statements {
            var name = cache.name(of: statement.sql)
            if name == nil {
                let newName = cache.add(statement.sql)
                guard self.prepare(statement, as: newName) else { return nil }
                entries.append(.prepare(name: newName))
                size += statement.sql.text.utf8.count
                name = newName
            }
            guard let name, let length = self.execute(name, statement.parameters) else { return nil }
            entries.append(.execute)
            size += length
        }
        entries.append(.sync)
        return (entries, size)
    }

    private mutating func prepare(_ statement: Statement, as name: String) -> Bool {
        let types = statement.parameters.map { $0.type.oid }
        return PQsendPrepare(self.connection, name, statement.sql.text, Int32(types.count), types) == 1
    }

    /// Returns the size of the parameters in bytes, or `nil` if the statement could not be sent.
    private mutating func execute(_ name: String, _ parameters: [Parameter]) -> Int? {
        self.write(parameters)
        // The pointers to the parameters must stay valid during the call, in which libpq copies the values. One flat
        // buffer guarantees that for any number of parameters.
        let isSent = self.values.withUnsafeBytes { buffer in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: self.offsets.count) { pointers in
                for (index, offset) in self.offsets.enumerated() {
                    let value = offset.flatMap { buffer.baseAddress?.advanced(by: $0) }
                    pointers.initializeElement(at: index, to: value?.assumingMemoryBound(to: CChar.self))
                }
                // Passed as a String, the name would be copied into an array.
                return name.withCString { name in
                    PQsendQueryPrepared(
                        self.connection,
                        name,
                        Int32(parameters.count),
                        pointers.baseAddress,
                        self.lengths,
                        self.formats,
                        1
                    ) == 1
                }
            }
        }
        return isSent ? self.values.count : nil
    }

    private mutating func write(_ parameters: [Parameter]) {
        self.values.removeAll(keepingCapacity: self.values.capacity <= Self.keptCapacity)
        self.offsets.removeAll(keepingCapacity: true)
        self.lengths.removeAll(keepingCapacity: true)
        for parameter in parameters {
            let offset = self.values.count
            parameter.write(to: &self.values)
            self.offsets.append(parameter.isNull ? nil : offset)
            self.lengths.append(Int32(self.values.count - offset))
        }
        // All parameters use the binary format.
        while self.formats.count < parameters.count { self.formats.append(1) }
        // libpq takes a null pointer for NULL, and an empty buffer has no base address.
        self.values.append(0)
    }

    /// Sends a Sync; libpq 15 also sends everything before it.
    mutating func sync() -> Bool { PQpipelineSync(self.connection) == 1 }

    /// Sends SQL text with any number of commands; not allowed in pipeline mode.
    mutating func sendScript(_ sql: String) -> Bool { PQsendQuery(self.connection, sql) == 1 }

    /// Returns whether data is left to be sent.
    ///
    /// A broken connection is detected when it is read.
    mutating func flush() -> Bool { PQflush(self.connection) == 1 }

    mutating func consumeInput() -> Bool { PQconsumeInput(self.connection) == 1 }

    /// Takes the notifications that have been read, and returns whether there were any.
    mutating func takeNotifications() -> Bool {
        var isNotified = false
        while let notification = PQnotifies(self.connection) {
            PQfreemem(notification)
            isNotified = true
        }
        return isNotified
    }

    /// Returns whether the server has ended a session in which no answer is due.
    mutating func hasEnded() -> Bool {
        var readable = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&readable, 1, 0) != 0 else { return false }
        // The first read gets the server's last message, the second one the end of the stream.
        guard self.consumeInput() else { return true }
        _ = self.isBusy
        return !self.consumeInput() || self.isBad
    }

    /// Whether `nextResult` would block.
    var isBusy: Bool { PQisBusy(self.connection) == 1 }

    /// The next result, or `nil` at the end of a command's results.
    mutating func nextResult() -> LibpqResult? {
        guard let result = PQgetResult(self.connection) else { return nil }
        defer { PQclear(result) }
        return LibpqResult(reading: result)
    }
}
