// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Synchronization
import Testing

/// `eventbus` as a process of its own, with its output in files.
final class ToolProcess: Sendable {
    /// Where the package's executables are; the tests' own one is among them.
    private static let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    static let isBuilt = FileManager.default.isExecutableFile(
        atPath: ToolProcess.folder.appending(path: "eventbus").path
    )

    /// The tests of the tool are skipped, with this reason, where it was not built; CI has to build it.
    static let isSkipped = ToolProcess.isSkipped(isBuilt: ToolProcess.isBuilt, ProcessInfo.processInfo.environment)
    static let reason: Comment = "the tool is not built: `swift build --product eventbus`"

    static func isSkipped(isBuilt: Bool, _ environment: [String: String]) -> Bool {
        #if os(Linux)
        return !isBuilt && environment["CI"] != "true"
        #else
        // Nothing tells where it is.
        return !isBuilt
        #endif
    }

    private let files: URL
    private let process: Int32

    init(_ arguments: [String], environment: [String: String] = [:], input: String = "") throws {
        try #require(Self.isBuilt, Self.reason)
        let files = FileManager.default.temporaryDirectory.appending(path: "eventbus-\(UUID().uuidString)")
        self.files = files
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        func file(_ name: String, _ content: String = "") throws -> URL {
            let file = files.appending(path: name)
            try Data(content.utf8).write(to: file)
            return file
        }
        let process = Process()
        process.executableURL = Self.folder.appending(path: "eventbus")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardInput = try FileHandle(forReadingFrom: try file("in", input))
        process.standardOutput = try FileHandle(forWritingTo: try file("out"))
        process.standardError = try FileHandle(forWritingTo: try file("err"))
        let ended = Ended()
        process.terminationHandler = { process in
            ended.status.withLock { $0 = process.terminationStatus + (process.terminationReason == .exit ? 0 : 128) }
        }
        self.ended = ended
        try process.run()
        self.process = process.processIdentifier
    }

    private final class Ended: Sendable {
        let status = Mutex<Int32?>(nil)
    }

    private let ended: Ended

    deinit { try? FileManager.default.removeItem(at: self.files) }

    var out: String { self.text("out") }
    var err: String { self.text("err") }

    private func text(_ name: String) -> String {
        (try? String(decoding: Data(contentsOf: self.files.appending(path: name)), as: UTF8.self)) ?? ""
    }

    func signal(_ number: Int32) {
        if self.ended.status.withLock({ $0 }) == nil { kill(self.process, number) }
    }

    /// Waits for the end; a process that a signal has ended has 128 more than the signal's number.
    func exitStatus(within limit: Duration = .seconds(60)) async throws -> Int32 {
        defer { self.signal(SIGKILL) }
        return try await eventually(within: limit, "the end of eventbus") { self.ended.status.withLock { $0 } }
    }

    /// Runs the tool to its end.
    static func run(
        _ arguments: String...,
        environment: [String: String] = [:],
        input: String = "",
        within limit: Duration = .seconds(60)
    ) async throws -> (status: Int32, out: String, err: String) {
        let tool = try ToolProcess(arguments, environment: environment, input: input)
        let status = try await tool.exitStatus(within: limit)
        return (status, tool.out, tool.err)
    }
}
