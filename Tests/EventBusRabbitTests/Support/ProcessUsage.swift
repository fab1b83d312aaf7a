// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation

/// What this process uses of its machine, on Linux.
struct ProcessUsage {
    let descriptors: Int
    let threads: Int
    /// In kilobytes.
    let memory: Int
    /// User and system time.
    let processor: Duration

    static var isKnown: Bool { FileManager.default.fileExists(atPath: "/proc/self/status") }

    static func now() throws -> ProcessUsage {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        func number(_ name: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") } ?? ""
            return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
        }
        // The name (field 2) may hold spaces; user and system time are fields 14 and 15, in hundredths of a second.
        let stat = try String(contentsOfFile: "/proc/self/stat", encoding: .utf8)
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        let ticks = (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
        return ProcessUsage(
            descriptors: try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count,
            threads: number("Threads"),
            memory: number("VmRSS"),
            processor: .milliseconds(ticks * 10)
        )
    }
}
