// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Synchronization

/// Runs other programs and waits for them without blocking a thread of the cooperative pool.
enum Command {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a program to its end and returns what it wrote to its standard output.
    ///
    /// - Throws: ``Failed`` with what it wrote to its standard error when it does not exit with 0.
    @discardableResult
    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let output = FileManager.default.temporaryDirectory.appending(path: "command-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = try RunningProcess(arguments, environment: environment, output: output)
        let status = await process.exitStatus()
        let text = try String(decoding: Data(contentsOf: output), as: UTF8.self)
        guard status == 0 else { throw Failed(description: "\(arguments[0]) exited with \(status): \(text)") }
        return text
    }
}

/// A program that runs beside the test, with its output in a file.
final class RunningProcess: Sendable {
    let output: URL
    let identifier: Int32
    private let ending: Ending

    init(_ arguments: [String], environment: [String: String], output: URL) throws {
        self.output = output
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let handle = try FileHandle(forWritingTo: output)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        let ending = Ending()
        process.terminationHandler = { process in
            ending.reach(process.terminationStatus + (process.terminationReason == .exit ? 0 : 128))
        }
        try process.run()
        self.identifier = process.processIdentifier
        self.ending = ending
    }

    /// What the program has written so far.
    var text: String { (try? String(decoding: Data(contentsOf: self.output), as: UTF8.self)) ?? "" }

    var hasEnded: Bool { self.ending.status != nil }

    /// Waits for the end; a program that a signal ended has 128 more than the signal's number.
    func exitStatus() async -> Int32 { await self.ending.wait() }

    /// Sends a signal to this very process.
    func signal(_ number: Int32) {
        if !self.hasEnded { kill(self.identifier, number) }
    }
}

/// The exit status of a process, and those who wait for it.
private final class Ending: Sendable {
    private struct State: Sendable {
        var status: Int32?
        var waiters: [CheckedContinuation<Int32, Never>] = []
    }

    private let state = Mutex(State())

    var status: Int32? { self.state.withLock { $0.status } }

    func reach(_ status: Int32) {
        let waiters = self.state.withLock { state in
            state.status = status
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: status) }
    }

    func wait() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status: Int32? = self.state.withLock { state in
                if state.status == nil { state.waiters.append(continuation) }
                return state.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }
}

/// A number that several tasks raise.
final class AtomicCounter: Sendable {
    private let value = Mutex(0)

    func increment() -> Int {
        self.value.withLock { value in
            value += 1
            return value
        }
    }
}
