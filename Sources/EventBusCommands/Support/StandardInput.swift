// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOPosix

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
    /// It waits for as long as whoever writes does, which no thread of the tasks may, and which nothing can end: when the task is
    /// cancelled, the thread that reads is left behind.
    ///
    /// - Throws: ``CommandError`` when there are more than `limit` bytes or reading fails; `CancellationError`.
    static func all(limit: Int, from descriptor: Int32 = STDIN_FILENO) async throws -> [UInt8] {
        let promise = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: [UInt8].self)
        NIOThreadPool.singleton.submit { _ in
            promise.completeWith(Result { try self.read(limit: limit, from: descriptor) })
        }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }

    private static func read(limit: Int, from descriptor: Int32) throws(CommandError) -> [UInt8] {
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
