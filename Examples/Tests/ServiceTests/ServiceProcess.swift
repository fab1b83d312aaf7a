// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Synchronization

/// One of the two services as a process of its own, beside the test.
final class ServiceProcess: Sendable {
    /// Where a server would be, if there were one: nothing listens on port 1.
    static let unreachable = [
        "RABBITMQ_URL": "amqp://guest:hunter2@127.0.0.1:1/%2F",
        "DATABASE_URL": "postgres://guest:hunter2@127.0.0.1:1/nothing",
    ]

    /// The exit status and what was written to standard error.
    struct End: Sendable {
        let status: Int32
        let text: String
    }

    let identifier: Int32
    private let end: AsyncStream<Int32>
    private let error: URL

    init(_ name: String, _ arguments: [String] = [], environment: [String: String]) throws {
        self.error = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString)")
        _ = FileManager.default.createFile(atPath: self.error.path, contents: nil)
        let (end, ended) = AsyncStream.makeStream(of: Int32.self)
        self.end = end
        let process = Process()
        // The tests are built into the folder of the executables.
        process.executableURL = try Self.folder().appending(path: name)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: self.error)
        process.terminationHandler = { process in
            ended.yield(process.terminationStatus + (process.terminationReason == .exit ? 0 : 128))
            ended.finish()
        }
        try process.run()
        self.identifier = process.processIdentifier
    }

    /// Waits for the end.
    func untilEnd() async throws -> End {
        var status: Int32 = -1
        for await value in self.end { status = value }
        let text = try String(decoding: Data(contentsOf: self.error), as: UTF8.self)
        try FileManager.default.removeItem(at: self.error)
        return End(status: status, text: text)
    }

    func signal(_ number: Int32) {
        kill(self.identifier, number)
    }

    private static func folder() throws -> URL {
        URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            .deletingLastPathComponent()
    }
}
