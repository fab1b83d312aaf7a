// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The standard input of the process.
enum StandardInput {
    /// Reads everything.
    ///
    /// - Throws: ``CommandError`` when there are more than `limit` bytes or reading fails.
    static func read(limit: Int, from descriptor: Int32 = STDIN_FILENO) throws(CommandError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = chunk.withUnsafeMutableBytes { buffer in
                #if canImport(Glibc)
                Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                #elseif canImport(Musl)
                Musl.read(descriptor, buffer.baseAddress, buffer.count)
                #else
                Darwin.read(descriptor, buffer.baseAddress, buffer.count)
                #endif
            }
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw CommandError(CommandExit.usage, "standard input cannot be read: error \(errno)")
            }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                throw CommandError(
                    CommandExit.usage,
                    "standard input has more than \(limit) bytes, which is the limit of a body"
                )
            }
        }
    }
}
